import { CulvertError, Errno, check, checkIn } from './error.js';
import { describe } from './frame.js';
import { Holdings } from './holdings.js';
import { bytesOf, integer } from './layout.js';
import { copyIn, native, offLoop } from './native.js';

const leases = new Holdings((loan) => native.culvert_abandon(loan));

/**
 * Memory of culvert's that a frame is written into, and then committed. JavaScript cannot take an ArrayBuffer away from
 * whoever keeps it, so that the memory is written through write() alone, which knows when it ended.
 */
export class Lease {
    #session;
    #loan;
    #address;
    #size;
    #geometry;
    #committing = false;

    constructor(session, loan, address, size, geometry) {
        this.#session = session;
        this.#loan = loan;
        this.#address = BigInt(address);
        this.#size = size;
        this.#geometry = geometry;
        leases.add(this, loan);
    }

    get size() {
        return this.#size;
    }

    /** Copies all of source to that offset. */
    write(source, offset = 0) {
        this.#hold();
        const bytes = bytesOf(source, 'source');
        integer('offset', offset);
        if (offset + bytes.length > this.#size) throw new CulvertError(Errno.BUFFER);
        if (bytes.length > 0) copyIn(this.#address + BigInt(offset), bytes, bytes.length);
    }

    /** Submits the frame, of the lease's format and size, and ends the lease; after an error it goes on. */
    commitSync(frame = {}) {
        this.#hold();
        this.#settle(native.culvert_commit(this.#loan, this.#frame(frame)));
    }

    async commit(frame = {}) {
        this.#hold();
        const packed = this.#frame(frame);
        this.#committing = true;
        const result = await offLoop(native.culvert_commit, this.#loan, packed).finally(() => {
            this.#committing = false;
        });
        this.#settle(result);
    }

    /** Ends the lease without a frame, once. */
    abandon() {
        if (this.#loan === 0) return;
        if (this.#committing) throw new CulvertError(Errno.BUSY);
        const result = native.culvert_abandon(this.#loan);
        if (result !== Errno.HANDLE) check(result);
        this.#end();
    }

    #hold() {
        if (this.#loan === 0) throw new CulvertError(Errno.HANDLE);
        if (this.#committing) throw new CulvertError(Errno.BUSY);
    }

    #frame(frame) {
        return describe({ ...frame, ...this.#geometry });
    }

    #settle(result) {
        if (result >= 0 || result === Errno.HANDLE) this.#end();
        checkIn(this.#session, result);
    }

    #end() {
        leases.delete(this, this.#loan);
        this.#loan = 0;
    }
}
if (Symbol.dispose) Lease.prototype[Symbol.dispose] = Lease.prototype.abandon;
