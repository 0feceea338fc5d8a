import { isMainThread } from 'node:worker_threads';

/**
 * What objects hold of the library's. It is given back when its owner is collected, and when a worker thread ends,
 * which collects nothing and leaves its process running.
 */
export class Holdings {
    #held = new Set();
    #forgotten;

    constructor(giveBack, giveBackAtExit = giveBack) {
        this.#forgotten = new FinalizationRegistry((holding) => {
            this.#held.delete(holding);
            giveBack(holding);
        });
        if (!isMainThread) process.on('exit', () => this.#held.forEach((holding) => giveBackAtExit(holding)));
    }

    add(owner, holding) {
        this.#held.add(holding);
        this.#forgotten.register(owner, holding, owner);
    }

    /** Its owner has given it back. */
    delete(owner, holding) {
        this.#forgotten.unregister(owner);
        this.#held.delete(holding);
    }
}
