package culvert

// #include <culvert/culvert.h>
import "C"

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// Session is a stream that is being encoded, or watched. All its methods may be called from any goroutine; one at a
// time submits, and one at a time receives.
type Session struct {
	handle    C.culvert_session
	receiving atomic.Bool

	mutex sync.Mutex
	bell  *os.File // for whoever waits for packets; made when it is first waited for
}

// Defaults is a Config with every default filled in, for those who want to show them. The frame rate has none.
func Defaults() Config {
	var from C.struct_culvert_config
	C.culvert_config_defaults(&from, C.sizeof_struct_culvert_config)
	var config Config
	config.fromC(&from)
	return config
}

// Open opens a session and its encoder's thread. What is wrong with which field stands in the error.
//
// A session that is dropped without Close is closed when the garbage collector finds it.
func Open(config Config) (*Session, error) {
	if err := terminable("open", config.Name, config.Endpoint, config.Options); err != nil {
		return nil, err
	}
	var to C.struct_culvert_config
	config.toC(&to)
	var handle C.culvert_session
	var line [lineBytes]C.char
	if result := C.culvert_open(&to, &handle, &line[0], lineBytes); result < 0 {
		return nil, refusal("open", result, text(line[:]))
	}
	return adopt(handle), nil
}

// Closing may wait for the encode of a frame, and finalizers share one goroutine.
func adopt(handle C.culvert_session) *Session {
	s := &Session{handle: handle}
	runtime.SetFinalizer(s, func(s *Session) { go s.Close() })
	return s
}

// Close ends the session: whoever waits in it gets ErrClosed, and so does every later call. Of several calls of Close
// one returns nil, the others ErrClosed, at once. Frames and packets that are still queued are lost: call Finish
// first, and receive up to io.EOF, where they matter. What is leased or peeked stays valid until it is given back.
func (s *Session) Close() error {
	result := C.culvert_close(s.handle)
	runtime.SetFinalizer(s, nil)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.bell != nil {
		s.bell.Close()
		s.bell = nil
	}
	return s.check("close", result)
}

// Finish says that no more frames will come: what is queued will be encoded, then Receive returns io.EOF. It does not
// wait.
func (s *Session) Finish() error {
	defer runtime.KeepAlive(s)
	return s.check("finish", C.culvert_finish(s.handle))
}

// Stats is a snapshot of the session's numbers.
func (s *Session) Stats() (Stats, error) {
	defer runtime.KeepAlive(s)
	from := C.struct_culvert_stats{size: C.sizeof_struct_culvert_stats}
	var stats Stats
	if err := s.check("stats", C.culvert_stats(s.handle, &from)); err != nil {
		return stats, err
	}
	stats.fromC(&from)
	return stats, nil
}

// Params is what the codec really runs with, as it says itself; ErrAgain before the first frame is encoded.
func (s *Session) Params() (string, error) {
	defer runtime.KeepAlive(s)
	for room := C.size_t(lineBytes); ; {
		line := make([]C.char, room)
		result := C.culvert_params(s.handle, &line[0], room, &room)
		if Error(result) == ErrBuffer {
			continue // it has told how much it needs
		}
		return text(line), s.check("params", result)
	}
}

// ErrorText is the session's last error as one line, "" when there was none: what a call refused, or the codec.
func (s *Session) ErrorText() string {
	defer runtime.KeepAlive(s)
	var line [lineBytes]C.char
	C.culvert_error_text(s.handle, &line[0], lineBytes)
	return text(line[:])
}
