package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// footprint is what the system says that this process has.
type footprint struct {
	rss         int64 // bytes
	threads     int64
	descriptors int
}

func measure() footprint {
	status, _ := os.ReadFile("/proc/self/status")
	open, _ := os.ReadDir("/proc/self/fd")
	return footprint{field(status, "VmRSS:") << 10, field(status, "Threads:"), len(open)}
}

func field(status []byte, name string) int64 {
	_, rest, _ := strings.Cut(string(status), name)
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(words[0], 10, 64)
	return n
}

func (f footprint) most(other footprint) footprint {
	if other.rss > f.rss {
		return other
	}
	return f
}

func (f footprint) String() string {
	return fmt.Sprintf("%.1f MB resident, %d threads, %d descriptors", float64(f.rss)/1e6, f.threads, f.descriptors)
}
