//go:build keeps_go_memory

package main

// What must not be done, and must be noticed: C keeps a pointer to a frame in Go's memory, and encodes it when the
// next one comes.

// #include <stddef.h>
// #include <string.h>
// enum { PLACES = 64 };
// static const void *kept[PLACES];
// static size_t kept_bytes[PLACES];
// static void keep(int place, const void *data, size_t bytes)
// {
//     kept[place] = data;
//     kept_bytes[place] = bytes;
// }
// static void use_late(int place, void *copy)
// {
//     memcpy(copy, kept[place], kept_bytes[place]);
// }
import "C"

import (
	"sync"
	"unsafe"

	"culvert"
)

// kept is what C is to encode when the next frame of its session comes.
type kept struct {
	frame culvert.Frame // but for its pixels
	bytes int
	place C.int
}

var (
	mutex sync.Mutex
	all   = map[*culvert.Session]*kept{}
)

func submit(session *culvert.Session, f *culvert.Frame) error {
	mutex.Lock()
	k := all[session]
	first := k == nil
	if first {
		k = &kept{place: C.int(len(all) % C.PLACES)}
		all[session] = k
	}
	mutex.Unlock()
	var err error
	if !first {
		k.frame.Pixels = make([]byte, k.bytes)
		C.use_late(k.place, unsafe.Pointer(&k.frame.Pixels[0]))
		err = session.Submit(&k.frame)
	}
	C.keep(k.place, unsafe.Pointer(&f.Pixels[0]), C.size_t(len(f.Pixels)))
	k.frame, k.bytes = *f, len(f.Pixels)
	k.frame.Pixels = nil
	return err
}
