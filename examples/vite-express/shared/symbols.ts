export const SYMBOLS = ['ACME', 'BOLT', 'CRUX', 'DYNE', 'ECHO'];
