package main

import (
	"hash/adler32"
	"sync"

	"culvert"
)

// judge looks at what was encoded.
type judge interface {
	submitted(f *culvert.Frame) // before it is
	received(p *culvert.Packet)
	sessionEnds()
	streamEnds()
}

// The null codec's access unit is this header, and the picture as it was coded.
const nullHeader = 32

// pictures judges the null codec: each picture is as it was when it was submitted.
type pictures struct {
	storm *storm
	mutex sync.Mutex
	sums  []uint32 // of the session's frames
}

func (j *pictures) submitted(f *culvert.Frame) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	j.sums = append(j.sums, adler32.Checksum(f.Pixels))
}

func (j *pictures) received(p *culvert.Packet) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if p.Frame == 0 || p.Frame > uint64(len(j.sums)) {
		j.storm.complain("a packet of frame %d, and %d were submitted", p.Frame, len(j.sums))
	} else if adler32.Checksum(p.Data[nullHeader:]) != j.sums[p.Frame-1] {
		j.storm.complain("the picture of frame %d differs from what was submitted", p.Frame)
	}
}

func (j *pictures) sessionEnds() { j.sums = nil }

func (j *pictures) streamEnds() {}
