import { checkIn } from './error.js';
import { closeDescriptor, native, poll } from './native.js';

/**
 * Who waits for something of a session's. The event loop itself watches the session's descriptor: no thread sleeps on
 * it, nothing is read from it, and it is watched, which keeps the process alive, while somebody waits and no longer.
 *
 * It knows the session by its handle, so that what is dropped with nobody waiting can be collected.
 */
export class Doorbell {
    #handle;
    #fd = -1;
    #watch = null;
    #watching = false;
    #waiting = new Set();
    #closed = null;

    constructor(handle) {
        this.#handle = handle;
    }

    /** The first of attempt()'s results that is not undefined; it is tried now, and when the descriptor says so. */
    async wait(attempt, { timeout, signal, onTimeout }) {
        signal?.throwIfAborted();
        if (this.#closed) throw this.#closed;
        if (this.#waiting.size === 0) {
            const result = attempt();
            if (result !== undefined) return result;
        }
        if (timeout === 0) throw onTimeout();
        return this.#queue({ attempt, signal, timeout, onTimeout });
    }

    /** Ends all waiting with that error; nothing can be waited for any more. */
    close(error) {
        if (this.#closed) return;
        this.#closed = error;
        for (const waiter of this.#waiting) waiter.reject(error);
        this.#rest();
        // Out of the loop's epoll first, which would go on to watch a descriptor that has copies elsewhere.
        this.#watch?.close();
        if (this.#fd >= 0) closeDescriptor(this.#fd);
        this.#watch = null;
    }

    #queue({ attempt, signal, timeout, onTimeout }) {
        this.#listen();
        let timer;
        let aborted;
        const waiter = { attempt };
        const settled = new Promise((resolve, reject) => Object.assign(waiter, { resolve, reject }));
        if (timeout !== Infinity) timer = setTimeout(() => waiter.reject(onTimeout()), timeout);
        if (signal) signal.addEventListener('abort', (aborted = () => waiter.reject(signal.reason)));
        this.#waiting.add(waiter);
        return settled.finally(() => {
            clearTimeout(timer);
            signal?.removeEventListener('abort', aborted);
            this.#leave(waiter);
        });
    }

    #listen() {
        if (this.#watching) return;
        const ring = () => this.#ring();
        if (this.#watch) this.#watch.start(ring);
        else this.#watch = poll((this.#fd = this.#descriptor()), ring);
        this.#watching = true;
    }

    #descriptor() {
        const fd = [0];
        checkIn(this.#handle, native.culvert_fd(this.#handle, fd));
        return fd[0];
    }

    #ring() {
        for (const waiter of this.#waiting) {
            let result;
            try {
                result = waiter.attempt();
            } catch (error) {
                waiter.reject(error);
                this.#leave(waiter);
                continue;
            }
            if (result === undefined) return;
            waiter.resolve(result);
            this.#leave(waiter);
        }
    }

    #leave(waiter) {
        this.#waiting.delete(waiter);
        if (this.#waiting.size === 0) this.#rest();
    }

    #rest() {
        if (this.#watching) this.#watch.stop();
        this.#watching = false;
    }
}
