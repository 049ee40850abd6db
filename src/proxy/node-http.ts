/**
 * node:http by the way that costs less: an import reads all its exports, WebSocket among them, and that loads Node's
 * own fetch: 20 ms of a start, and 13 MB.
 */
export const http = process.getBuiltinModule('node:http');

export const { STATUS_CODES } = http;
