/** All of PDM (RFC 8250): the option's octets, its floating times, and where in a packet it is. */
export * from './pdm-option.js';
export * from './pdm-time.js';
export * from './find-pdm.js';
