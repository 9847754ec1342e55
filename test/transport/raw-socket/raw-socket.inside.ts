import { openRawSocketTransport } from '../../../src/transport/raw-socket/raw-socket-transport.js';
import { describeBehaviours } from '../behaviour.js';
import { describeTransportContract } from '../contract.js';
import { makeInsideFixture } from '../inside-fixture.js';
import { rawSocketBehaviours } from './raw-socket-behaviours.js';

const makeFixture = (): ReturnType<typeof makeInsideFixture> => makeInsideFixture(openRawSocketTransport);

describeTransportContract('raw-socket', makeFixture);
describeBehaviours('the raw-socket transport on this kernel', rawSocketBehaviours, makeFixture);
