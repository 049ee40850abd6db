package main

// The canonical ABI for the world header-filter, by hand: as much of it as this filter uses.
//
// A list or string is two numbers, address and length. What the host passes it puts into memory from
// cabi_export_realloc, and that belongs to us. What we pass stays ours. A result that is more than one number is written to
// memory, and its address is passed or returned. Addresses have 32 bits, but GOARCH=wasm keeps pointers of 64 bits
// in memory: so no pointer stands in anything that the host reads.

import "unsafe"

type logLevel uint32

const (
	levelWarn  logLevel = 3
	levelError logLevel = 4
)

type mapType uint32

const (
	requestHeaders  mapType = 0
	responseHeaders mapType = 2
)

// A string as a parameter is its address and its length.

//go:wasmimport weir:filter/logging@0.1.0 log
func log(level logLevel, message string)

//go:wasmimport weir:filter/headers@0.1.0 set
func headersSet(which mapType, name, value string, result *[2]uint8)

//go:wasmimport weir:filter/headers@0.1.0 append
func headersAppend(which mapType, name, value string, result *[2]uint8)

//go:wasmimport weir:filter/headers@0.1.0 remove
func headersRemove(which mapType, name string, result *[2]uint8)

//go:wasmimport [export]weir:filter/http-headers@0.1.0 [resource-new]plugin-context
func pluginContextNew(rep uint32) uint32

//go:wasmimport [export]weir:filter/http-headers@0.1.0 [resource-new]http-context
func httpContextNew(rep uint32) uint32

// set leaves one value, whatever there was. False: the host refused.
func set(which mapType, name, value string) bool {
	var result [2]uint8
	headersSet(which, name, value, &result)
	return result[0] == 0
}

// add appends a value. False: the host refused.
func add(which mapType, name, value string) bool {
	var result [2]uint8
	headersAppend(which, name, value, &result)
	return result[0] == 0
}

// remove takes all values away.
func remove(which mapType, name string) {
	var result [2]uint8
	headersRemove(which, name, &result)
}

// What the host has put into memory and nobody has taken yet: the garbage collector must know of it.
var received = map[uint32][]byte{}

// Not cabi_realloc: an adapter would call that too, before this runtime has started.
//
//go:wasmexport cabi_export_realloc
func realloc(old, oldSize, align, size uint32) uint32 {
	if size == 0 {
		return align
	}
	// Of 8 bytes and more Go aligns to 8, which is the most that is asked for.
	memory := make([]byte, max(size, 8))
	if old != 0 {
		copy(memory, received[old][:oldSize])
		delete(received, old)
	}
	at := uint32(uintptr(unsafe.Pointer(&memory[0])))
	received[at] = memory
	return at
}

// take is a list or string that the host has passed.
func take(address, size uint32) []byte {
	if size == 0 {
		return nil
	}
	bytes := received[address][:size]
	delete(received, address)
	return bytes
}

// The result<_, string> of the last call, and its text: the host reads them after the return.
var (
	lastResult [3]uint32
	lastError  string
)

// returned is the address of a result<_, string>; without a reason there is no error.
func returned(reason string) uint32 {
	lastError = reason
	lastResult = [3]uint32{}
	if reason != "" {
		lastResult = [3]uint32{1, uint32(uintptr(unsafe.Pointer(unsafe.StringData(lastError)))), uint32(len(reason))}
	}
	return uint32(uintptr(unsafe.Pointer(&lastResult)))
}

// table holds what the host has handles of, by the numbers that stand for it.
type table[T any] struct {
	items map[uint32]T
	last  uint32
}

func (t *table[T]) put(item T) uint32 {
	if t.items == nil {
		t.items = map[uint32]T{}
	}
	for t.last++; t.last == 0 || t.has(t.last); t.last++ {
	}
	t.items[t.last] = item
	return t.last
}

func (t *table[T]) has(rep uint32) bool {
	_, found := t.items[rep]
	return found
}
