import { types } from 'node:util';
import { STRUCTS } from './header.js';

const BOUNDS = {
    int32_t: [-(2 ** 31), 2 ** 31 - 1],
    uint32_t: [0, 2 ** 32 - 1],
    int64_t: [-(2n ** 63n), 2n ** 63n - 1n],
};

function outOfRange(what, value) {
    return Object.assign(new RangeError(`${what} is ${String(value)}: out of range`), { code: 'ERR_OUT_OF_RANGE' });
}

function wrongType(what, wanted) {
    return Object.assign(new TypeError(`${what} is no ${wanted}`), { code: 'ERR_INVALID_ARG_TYPE' });
}

/** A value as koffi takes it. It would itself make another number of one that does not fit. */
export function integer(what, value, kind = 'uint32_t') {
    const [least, most] = BOUNDS[kind];
    if (typeof value !== 'number' && typeof value !== 'bigint') throw wrongType(what, 'number');
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw outOfRange(what, value);
    if (value < least || value > most) throw outOfRange(what, value);
    return value;
}

const LONGEST_TIMER = 2 ** 31 - 1;

/** A time to wait, as setTimeout takes it; Infinity stays what it is. */
export function milliseconds(timeout) {
    if (timeout === Infinity) return timeout;
    return Math.min(integer('timeout', timeout), LONGEST_TIMER);
}

/** A string as C reads it, which ends at its first NUL. */
export function string(what, value) {
    if (typeof value !== 'string') throw wrongType(what, 'string');
    if (value.includes('\0')) throw outOfRange(what, JSON.stringify(value));
    return value;
}

// All of the field when it is too long: culvert then says that its end is missing.
function text(what, value, bytes) {
    const field = Buffer.alloc(bytes);
    field.write(string(what, value));
    return field;
}

function integers(what, values, count, kind) {
    if (typeof values !== 'object' || values === null) throw wrongType(what, 'array');
    if (!(values.length <= count)) throw outOfRange(`${what}.length`, values.length);
    return Array.from(values, (value, index) => integer(`${what}[${index}]`, value, kind));
}

function field(what, value, kind, count) {
    if (kind === 'char') return text(what, value, count);
    return count ? integers(what, value, count, kind) : integer(what, value, kind);
}

const own = new Set(['size', 'reserved']);
const inputs = new Map(
    ['culvert_config', 'culvert_frame'].map((struct) => [
        struct,
        new Map(STRUCTS[struct].fields.filter(([name]) => !own.has(name)).map((row) => [row[0], row])),
    ]),
);

/** The input struct of that name, with the fields that the object has; what is left out is 0, culvert's default. */
export function structOf(struct, input, what) {
    const packed = { size: STRUCTS[struct].size };
    const fields = inputs.get(struct);
    for (const [name, value] of Object.entries(input)) {
        if (value === undefined) continue;
        const [, kind, count] = fields.get(name) ?? [];
        if (!kind) throw wrongType(`${what}.${name}`, `field of struct ${struct}`);
        packed[name] = field(`${what}.${name}`, value, kind, count);
    }
    return packed;
}

/** An output struct's object, for koffi to fill in. */
export function room(struct) {
    return { size: STRUCTS[struct].size };
}

/** What a host sees of an output struct. */
export function shown({ size, reserved, ...fields }) {
    return fields;
}

/** The same memory as bytes, whatever it is seen as; of none, null. */
export function bytesOf(data, what = 'data') {
    if (data === undefined || data === null) return null;
    if (data instanceof Uint8Array) return data;
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (types.isAnyArrayBuffer(data)) return new Uint8Array(data);
    throw wrongType(what, 'Buffer, TypedArray, DataView, ArrayBuffer or SharedArrayBuffer');
}
