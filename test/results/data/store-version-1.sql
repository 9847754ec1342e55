PRAGMA foreign_keys = OFF;
PRAGMA application_id = 1885629812;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE record (
  trace_key  INTEGER PRIMARY KEY REFERENCES trace ON DELETE CASCADE,
  json       TEXT NOT NULL
) STRICT;
INSERT INTO "record" VALUES(1,'{"schema":"pdm-trace/1","id":"0193a4b1-0000-7001-8000-000000000001","runId":"0193a4b0-0000-7000-8000-000000000001","vantage":"PDM-Toronto","startedAt":"2026-11-24T08:00:01.000Z","endedAt":"2026-11-24T08:00:05.200Z","tool":{"version":"0.1.0","transport":"native","clock":"kernel"},"parameters":{"confidence":0.999,"maxHops":30,"timeoutMs":2000,"hopIntervalMs":250,"seed":1},"company":"Company 1","source":{"address":"2001:db8:ffff::10","name":"probe.example.net","asn":64500,"asName":"Vantage Net"},"target":{"input":"www1.customer.example","aliases":[],"address":"2001:db8:1001::1","name":"www1.customer.example","asn":64502,"asName":"Destination Network 1"},"protocol":"udp","flow":{"sourcePort":50001,"destinationPort":33434,"echoId":null,"flowLabel":74565,"size":80},"hops":[{"hop":1,"pairs":{"both":3,"plainOnly":0,"pdmOnly":0,"neither":0,"void":0},"arms":{"plain":{"sent":3,"answered":3,"responders":[{"address":"2001:db8:1:1::1","name":"ae-1.r1.transit1.example.net","asn":64500,"asName":"Transit 1 Communications","answered":3,"rttMs":{"min":3.1,"median":3.5137,"max":5.0021},"replyHopLimit":63,"icmp":[{"type":3,"code":0,"pointer":null,"count":3}],"mpls":[],"interfaces":[],"quotes":[{"intact":null,"changes":[],"count":2},{"intact":null,"changes":["traffic-class-rewritten"],"count":1}]}]},"pdm":{"sent":3,"answered":3,"responders":[{"address":"2001:db8:1:1::1","name":"ae-1.r1.transit1.example.net","asn":64500,"asName":"Transit 1 Communications","answered":3,"rttMs":{"min":3.3,"median":3.7137,"max":5.2021},"replyHopLimit":63,"icmp":[{"type":3,"code":0,"pointer":null,"count":3}],"mpls":[],"interfaces":[],"quotes":[{"intact":true,"changes":[],"count":2},{"intact":true,"changes":["traffic-class-rewritten"],"count":1}]}]}}},{"hop":2,"pairs":{"both":0,"plainOnly":3,"pdmOnly":0,"neither":0,"void":0},"arms":{"plain":{"sent":3,"answered":3,"responders":[{"address":"2001:db8:2:1::1","name":"ae-2.r1.transit2.example.net","asn":64500,"asName":"Transit 2 Communications","answered":3,"rttMs":{"min":6.2,"median":6.6137,"max":8.1021},"replyHopLimit":62,"icmp":[{"type":3,"code":0,"pointer":null,"count":3}],"mpls":[],"interfaces":[{"role":"incoming","ifIndex":502,"address":"2001:db8:2:ffff::1","name":"TenGigE0/0/0/2","mtu":9000}],"quotes":[{"intact":null,"changes":[],"count":2},{"intact":null,"changes":["traffic-class-rewritten"],"count":1}]}]},"pdm":{"sent":3,"answered":0,"responders":[]}}},{"hop":3,"pairs":{"both":0,"plainOnly":3,"pdmOnly":0,"neither":0,"void":0},"arms":{"plain":{"sent":3,"answered":3,"responders":[{"address":"2001:db8:1001::1","name":"www1.customer.example","asn":64502,"asName":"Destination Network 1","answered":3,"rttMs":{"min":9.3,"median":9.7137,"max":11.2021},"replyHopLimit":61,"icmp":[{"type":1,"code":4,"pointer":null,"count":3}],"mpls":[{"label":24003,"trafficClass":0,"bottomOfStack":true,"ttl":1}],"interfaces":[],"quotes":[{"intact":null,"changes":[],"count":2},{"intact":null,"changes":["traffic-class-rewritten"],"count":1}]}]},"pdm":{"sent":3,"answered":0,"responders":[]}}}],"targetPairs":{"hop":null,"distance":{"plain":3,"pdm":null},"pairs":{"both":0,"plainOnly":12,"pdmOnly":0,"neither":0,"void":0},"arms":{"plain":{"sent":12,"answered":12,"responders":[{"address":"2001:db8:1001::1","name":"www1.customer.example","asn":64502,"asName":"Destination Network 1","answered":12,"rttMs":{"min":9.3,"median":9.7137,"max":11.2021},"replyHopLimit":61,"icmp":[{"type":1,"code":4,"pointer":null,"count":12}],"mpls":[{"label":24003,"trafficClass":0,"bottomOfStack":true,"ttl":1}],"interfaces":[],"quotes":[{"intact":null,"changes":[],"count":11},{"intact":null,"changes":["traffic-class-rewritten"],"count":1}]}]},"pdm":{"sent":12,"answered":0,"responders":[]}}},"summary":{"lastPdmHop":{"hop":1,"address":"2001:db8:1:1::1","name":"ae-1.r1.transit1.example.net","asn":64500,"asName":"Transit 1 Communications"},"lastPlainHop":{"hop":2,"address":"2001:db8:2:1::1","name":"ae-2.r1.transit2.example.net","asn":64500,"asName":"Transit 2 Communications"},"nextHop":{"hop":2,"address":"2001:db8:2:1::1","name":"ae-2.r1.transit2.example.net","asn":64500,"asName":"Transit 2 Communications","candidates":[],"uncertain":false},"inDestinationNetwork":"no","attribution":{"best":64500,"worst":64500,"candidates":[64500,64500],"rule":"x, y, y","method":"origin-as","source":"ip-location-db","date":"2026-11-01"}},"verdict":{"outcome":"dropped","confidence":0.99976,"interval":{"after":1,"upTo":3,"likelyUpTo":2},"cause":"option","refusal":null,"pathsDiverge":null,"optionSeenUpTo":1,"evidence":{"basis":"target","returnPath":"excluded","pairs":41,"plainOnly":12,"pdmOnly":0,"rates":{"plain":1,"pdm":0},"passRateUpper":0.44},"reasons":["0 of 12 PDM probes reached the target while 12 of 12 plain ones did; at most 44 % do."]},"pdm":{"serverDelayMs":null,"roundTripMs":null},"counters":{"sent":96,"answered":77,"late":0,"duplicate":0,"foreign":0,"ambiguous":0,"malformed":0,"forged":0,"sendErrors":0,"kernelDrops":0}}');
CREATE TABLE reporter (
  address           TEXT PRIMARY KEY,
  first_seen_at_ms  INTEGER NOT NULL,
  last_seen_at_ms   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "reporter" VALUES('2001:db8::1',1795507200000,1795507200000);
CREATE TABLE run (
  run_key        INTEGER PRIMARY KEY,
  id             TEXT NOT NULL UNIQUE,
  name           TEXT,
  vantage        TEXT,
  tool_version   TEXT NOT NULL,
  options        TEXT NOT NULL CHECK (json_valid(options)),
  state          TEXT NOT NULL CHECK (state IN ('loading', 'ready', 'finished')),
  started_at_ms  INTEGER NOT NULL,
  ended_at_ms    INTEGER
) STRICT;
INSERT INTO "run" VALUES(1,'0193a4b0-0000-7000-8000-000000000001','list','PDM-Toronto','0.1.0','{"rate":100}','loading',1795507200000,NULL);
CREATE TABLE series (
  series_key  INTEGER PRIMARY KEY,
  host        TEXT NOT NULL,
  protocol    TEXT NOT NULL,
  dport       INTEGER NOT NULL,
  vantage     TEXT NOT NULL,
  address     TEXT NOT NULL
) STRICT;
INSERT INTO "series" VALUES(1,'www1.customer.example','udp',33434,'PDM-Toronto','');
CREATE TABLE target (
  target_key  INTEGER PRIMARY KEY,
  run_key     INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  line        INTEGER NOT NULL,
  host        TEXT NOT NULL,
  host_key    TEXT NOT NULL,
  company     TEXT,
  protocols   INTEGER NOT NULL,
  dport       INTEGER,
  tags        TEXT NOT NULL,
  wide        INTEGER NOT NULL,
  narrow      INTEGER NOT NULL,
  position    REAL NOT NULL,
  state       INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2))
) STRICT;
INSERT INTO "target" VALUES(1,1,1,'www1.customer.example','www1.customer.example',NULL,1,NULL,'["a"]',1,1,1.52587890625e-05,2);
INSERT INTO "target" VALUES(2,1,2,'www2.customer.example','www2.customer.example',NULL,1,NULL,'["a"]',2,2,3.0517578125e-05,0);
CREATE TABLE trace (
  trace_key                        INTEGER PRIMARY KEY,
  id                               TEXT NOT NULL UNIQUE,
  run_key                          INTEGER NOT NULL REFERENCES run,
  target_key                       INTEGER,
  series_key                       INTEGER NOT NULL REFERENCES series,
  started_at_ms                    INTEGER NOT NULL,
  ended_at_ms                      INTEGER NOT NULL,
  company                          TEXT,
  start_address                    TEXT,
  start_name                       TEXT,
  start_asn                        INTEGER,
  destination_input                TEXT NOT NULL,
  destination_address              TEXT,
  destination_name                 TEXT,
  destination_asn                  INTEGER,
  destination_as_name              TEXT,
  protocol                         TEXT NOT NULL,
  destination_port                 INTEGER,
  last_pdm_hop                     INTEGER,
  last_pdm_address                 TEXT,
  last_pdm_name                    TEXT,
  last_pdm_asn                     INTEGER,
  last_plain_hop                   INTEGER,
  last_plain_address               TEXT,
  last_plain_name                  TEXT,
  last_plain_asn                   INTEGER,
  next_hop                         INTEGER,
  next_hop_address                 TEXT,
  next_hop_name                    TEXT,
  next_hop_asn                     INTEGER,
  next_hop_as_name                 TEXT,
  next_hop_in_destination_network  TEXT,
  attribution_best                 INTEGER,
  attribution_worst                INTEGER,
  outcome                          TEXT NOT NULL,
  confidence                       REAL,
  cause                            TEXT,
  interval_after                   INTEGER,
  interval_up_to                   INTEGER,
  interval_likely_up_to            INTEGER,
  option_seen_up_to                TEXT,
  probes_sent                      INTEGER NOT NULL,
  -- The latest record of the same series from another run, as known when this one was stored.
  previous_trace_key               INTEGER,
  previous_started_at_ms           INTEGER,
  previous_outcome                 TEXT,
  previous_last_pdm_hop            INTEGER,
  -- 'outcome', 'place' (the same outcome, but PDM was last seen at another hop), or null: no change, or nothing before.
  change                           TEXT,
  -- 1: the measurement was interrupted; the record gives way to one of a resumed run.
  provisional                      INTEGER NOT NULL CHECK (provisional IN (0, 1)),
  -- The record's line of the summary CSV, so that exporting a million of them does not have to build them.
  csv_line                         TEXT NOT NULL
) STRICT;
INSERT INTO "trace" VALUES(1,'0193a4b1-0000-7001-8000-000000000001',1,1,1,1795507201000,1795507205200,'Company 1','2001:db8:ffff::10','probe.example.net',64500,'www1.customer.example','2001:db8:1001::1','www1.customer.example',64502,'Destination Network 1','udp',33434,1,'2001:db8:1:1::1','ae-1.r1.transit1.example.net',64500,2,'2001:db8:2:1::1','ae-2.r1.transit2.example.net',64500,2,'2001:db8:2:1::1','ae-2.r1.transit2.example.net',64500,'Transit 2 Communications','no',64500,64500,'dropped',0.99976,'option',1,3,2,'1',96,NULL,NULL,NULL,NULL,NULL,0,'Company 1,2001:db8:ffff::10,probe.example.net,2001:db8:1001::1,www1.customer.example,udp,1,ae-1.r1.transit1.example.net,2,ae-2.r1.transit2.example.net,2,ae-2.r1.transit2.example.net,no,dropped,0.99976
');
CREATE UNIQUE INDEX target_host ON target (run_key, host_key, ifnull(dport, 0));
CREATE INDEX target_waiting ON target (run_key, position, target_key) WHERE state = 0;
CREATE INDEX target_in_flight ON target (run_key) WHERE state = 1;
CREATE UNIQUE INDEX series_identity ON series (host, protocol, dport, vantage, address);
CREATE UNIQUE INDEX trace_once_per_target ON trace (target_key, protocol, ifnull(destination_address, ''))
  WHERE target_key IS NOT NULL;
CREATE INDEX trace_series ON trace (series_key, started_at_ms, run_key, provisional, outcome, last_pdm_hop);
CREATE INDEX trace_run ON trace (run_key);
CREATE INDEX trace_run_outcome ON trace (run_key, outcome, protocol);
CREATE INDEX trace_started ON trace (started_at_ms);
CREATE INDEX trace_company ON trace (company) WHERE company IS NOT NULL;
CREATE INDEX trace_destination_asn ON trace (destination_asn) WHERE destination_asn IS NOT NULL;
CREATE INDEX trace_change ON trace (run_key) WHERE change IS NOT NULL;
CREATE VIEW summary AS
SELECT t.company, t.start_address, ifnull(t.start_name, t.start_address) AS start_name,
       t.destination_address,
       coalesce(t.destination_name, t.destination_address, t.destination_input) AS destination_name, t.protocol,
       t.last_pdm_hop, ifnull(t.last_pdm_name, t.last_pdm_address) AS last_pdm_name,
       t.last_plain_hop, ifnull(t.last_plain_name, t.last_plain_address) AS last_plain_name,
       t.next_hop, ifnull(t.next_hop_name, t.next_hop_address) AS next_hop_name,
       t.next_hop_in_destination_network, t.outcome, t.confidence,
       t.destination_input, t.destination_asn, t.next_hop_asn, t.cause, run.id AS run_id, t.id AS trace_id,
       strftime('%Y-%m-%dT%H:%M:%SZ', t.started_at_ms / 1000, 'unixepoch') AS started_at
FROM trace AS t JOIN run USING (run_key);
CREATE VIEW hop AS
SELECT t.id AS trace_id, t.run_key, t.destination_input, t.destination_address, t.protocol, t.outcome,
       json_extract(h.value, '$.hop') AS hop, json_extract(h.value, '$.sharedFrom') AS shared_from, a.key AS arm,
       json_extract(a.value, '$.sent') AS sent, json_extract(a.value, '$.answered') AS answered,
       json_extract(p.value, '$.address') AS address, json_extract(p.value, '$.name') AS name,
       json_extract(p.value, '$.asn') AS asn, json_extract(p.value, '$.asName') AS as_name,
       json_extract(p.value, '$.answered') AS responder_answered,
       json_extract(p.value, '$.rttMs.min') AS rtt_min_ms, json_extract(p.value, '$.rttMs.median') AS rtt_median_ms,
       json_extract(p.value, '$.rttMs.max') AS rtt_max_ms,
       json_extract(p.value, '$.icmp') AS icmp, json_extract(p.value, '$.quotes') AS quotes
FROM trace AS t
JOIN record AS r USING (trace_key)
JOIN json_each(r.json, '$.hops') AS h
JOIN json_each(h.value, '$.arms') AS a
LEFT JOIN json_each(a.value, '$.responders') AS p;
COMMIT;
