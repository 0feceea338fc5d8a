import koffi from 'koffi';
import { ABI_VERSION, FUNCTIONS, STRUCTS } from './header.js';

// Koffi makes strings of arrays of char, but cuts long ones short: they are handed in as bytes (layout.js).
function define({ fields }, known) {
    const member = ([name, kind, count]) => [name, count ? koffi.array(kind, count) : (known[kind] ?? kind)];
    return koffi.struct(Object.fromEntries(fields.map(member)));
}

function assertLayout(name, type, { size, fields }) {
    const off = fields.find(([field, , , offset]) => koffi.offsetof(type, field) !== offset);
    if (koffi.sizeof(type) !== size || off)
        throw new Error(`${name} is laid out otherwise on this machine${off ? `, from ${off[0]} on` : ''}`);
}

const structs = {};
for (const [name, layout] of Object.entries(STRUCTS)) {
    structs[name] = define(layout, structs);
    assertLayout(name, structs[name], layout);
}

const pointers = {
    in: (type) => koffi.pointer(type),
    out: (type) => koffi.out(koffi.pointer(type)),
    inout: (type) => koffi.inout(koffi.pointer(type)),
};

function typeOf(kind) {
    const [direction, name] = kind.split(' ');
    return pointers[direction]?.(structs[name] ?? name) ?? kind;
}

const library = koffi.load(`libculvert.so.${ABI_VERSION}`);

/** The functions of culvert.h, by name; each has a variant `async` for offLoop. */
export const native = Object.fromEntries(
    Object.entries(FUNCTIONS).map(([name, [result, ...kinds]]) => [
        name,
        library.func(name, result, kinds.map(typeOf)),
    ]),
);

if (native.culvert_abi_version() !== ABI_VERSION)
    throw new Error(`libculvert ${native.culvert_version()} has another ABI than this package, ${ABI_VERSION}`);

const self = koffi.load(null);

// What is lent lies outside of every ArrayBuffer, and is reached by its address.
export const copyIn = self.func('memcpy', 'void *', ['uintptr_t', 'void *', 'size_t']);
export const copyOut = self.func('memcpy', 'void *', ['void *', 'uintptr_t', 'size_t']);

// Not by fs, which takes a descriptor that it did not open for a mistake.
export const closeDescriptor = self.func('close', 'int', ['int']);

/** Calls back, from the event loop, whenever a descriptor is readable. */
export const poll = koffi.node.poll;

// Koffi refuses the 257th call at once; more than libuv has threads wait in any case.
const MOST_CALLS = 128;
const queued = [];
let running = 0;

function start(call) {
    running++;
    // call, which this callback keeps, holds the arguments' memory until C has left it: koffi takes addresses alone.
    call.function.async(...call.arguments, (error, result) => {
        running--;
        if (queued.length > 0) start(queued.shift());
        if (error) call.reject(error);
        else call.resolve(result);
    });
}

/** Calls a function that may wait on a thread of libuv's pool. Its arguments' memory must stay untouched meanwhile. */
export function offLoop(callee, ...args) {
    return new Promise((resolve, reject) => {
        const call = { function: callee, arguments: args, resolve, reject };
        if (running < MOST_CALLS) start(call);
        else queued.push(call);
    });
}
