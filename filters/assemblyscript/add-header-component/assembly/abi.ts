// The canonical ABI for the world header-filter, by hand: as much of it as this filter uses.
//
// A list or string is two numbers, address and length. What the host passes it puts into memory from cabi_realloc, and
// that belongs to us. What we pass stays ours. A result that is more than one number is written to memory, and its
// address is passed or returned.

// @ts-ignore: decorator
@external('weir:filter/logging@0.1.0', 'log')
declare function logging_log(level: u32, message: usize, size: usize): void;
// @ts-ignore: decorator
@external('weir:filter/headers@0.1.0', 'set')
declare function headers_set(map: u32, name: usize, nameSize: usize, value: usize, valueSize: usize, result: usize): void;
// @ts-ignore: decorator
@external('weir:filter/headers@0.1.0', 'append')
declare function headers_append(map: u32, name: usize, nameSize: usize, value: usize, valueSize: usize, result: usize): void;
// @ts-ignore: decorator
@external('weir:filter/headers@0.1.0', 'remove')
declare function headers_remove(map: u32, name: usize, nameSize: usize, result: usize): void;
// @ts-ignore: decorator
@external('[export]weir:filter/http-headers@0.1.0', '[resource-new]plugin-context')
declare function plugin_context_new(self: usize): i32;
// @ts-ignore: decorator
@external('[export]weir:filter/http-headers@0.1.0', '[resource-new]http-context')
declare function http_context_new(self: usize): i32;

export enum LogLevel {
  Trace,
  Debug,
  Info,
  Warn,
  Error,
  Critical,
}

export enum MapType {
  RequestHeaders,
  RequestTrailers,
  ResponseHeaders,
  ResponseTrailers,
}

/** Where the host's results and ours are written: the longest is result<_, string>, of 12 bytes. */
const RESULT = memory.data(12, 4);

/** The host asks for memory here. */
export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (size == 0) return align;
  return old == 0 ? heap.alloc(size) : heap.realloc(old, size);
}

/** A list<u8> or string that the host has passed. */
export function take(address: usize, size: usize): ArrayBuffer {
  const bytes = new ArrayBuffer(<i32>size);
  memory.copy(changetype<usize>(bytes), address, size);
  if (size > 0) heap.free(address);
  return bytes;
}

/** result<_, string>: an error, or none when it is empty. `free` it when the host has read it. */
export function result(error: string): usize {
  store<u32>(RESULT, error == '' ? 0 : 1);
  if (error != '') {
    const size = String.UTF8.byteLength(error);
    const text = heap.alloc(size);
    String.UTF8.encodeUnsafe(changetype<usize>(error), error.length, text);
    store<usize>(RESULT, text, 4);
    store<usize>(RESULT, size, 8);
  }
  return RESULT;
}

export function free(result: usize): void {
  if (load<u32>(result) != 0) heap.free(load<usize>(result, 4));
}

/** A handle for the host; the object stays until `dropped`. */
export function newPluginContext(self: usize): i32 {
  return plugin_context_new(__pin(self));
}

export function newHttpContext(self: usize): i32 {
  return http_context_new(__pin(self));
}

export function dropped(self: usize): void {
  __unpin(self);
}

export function log(level: LogLevel, message: string): void {
  const text = String.UTF8.encode(message);
  logging_log(level, changetype<usize>(text), text.byteLength);
}

/** Leaves one value, whatever there was. False: the host refused. */
export function set(map: MapType, name: ArrayBuffer, value: ArrayBuffer): bool {
  headers_set(map, changetype<usize>(name), name.byteLength, changetype<usize>(value), value.byteLength, RESULT);
  return load<u8>(RESULT) == 0;
}

/** Appends a value. False: the host refused. */
export function append(map: MapType, name: ArrayBuffer, value: ArrayBuffer): bool {
  headers_append(map, changetype<usize>(name), name.byteLength, changetype<usize>(value), value.byteLength, RESULT);
  return load<u8>(RESULT) == 0;
}

/** Removes all values. */
export function remove(map: MapType, name: ArrayBuffer): void {
  headers_remove(map, changetype<usize>(name), name.byteLength, RESULT);
}

/** What the compiler calls before it traps; `use` in asconfig.json names it. */
// @ts-ignore: decorator
@global
function log_abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const place = (file ? file : '') + ':' + line.toString() + ':' + column.toString();
  log(LogLevel.Critical, (message ? message : 'abort') + ' at ' + place);
}
