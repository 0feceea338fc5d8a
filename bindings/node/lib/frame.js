import { PTS_NOW } from './header.js';
import { bytesOf, structOf } from './layout.js';

/** What describes a frame, and its pixels, as C takes them. Without a pts it is shown now. */
export function describe(frame) {
    return structOf('culvert_frame', { ...frame, pts: frame.pts ?? PTS_NOW }, 'frame');
}

export function pixelsOf({ data, ...frame }) {
    return { packed: describe(frame), data: bytesOf(data) };
}
