// Package culvert encodes video for cloud gaming with low latency: raw frames go in, access units of H.264, VP8 or VP9
// come out, for as long as a game runs and however often it changes its size.
//
// A Session is used by two goroutines, one that submits and one that receives, and closed by any:
//
//	session, err := culvert.Open(culvert.Config{FPSNum: 60, FPSDen: 1})
//	if err != nil {
//		return err // with the library's own line: which field, and what is wrong with it
//	}
//	defer session.Close()
//	go func() {
//		for {
//			packet, err := session.Receive(ctx)
//			if err != nil {
//				return // io.EOF after Finish
//			}
//			send(packet.Data)
//		}
//	}()
//	for frame := range game {
//		if err := session.Submit(&frame); err != nil {
//			return err
//		}
//	}
//	return session.Finish()
//
// # Memory
//
// C keeps no pointer to Go's memory: pixels are read while Submit runs, and may be overwritten, dropped or collected
// the moment it returns. Packets that Receive returns are Go's own. Two things are memory of C: the bytes of a Lease,
// up to its Commit or Abandon, and the data of a Loan, up to its Release. They are valid as long as the Lease or Loan
// is reachable and not given back.
//
// # Errors
//
// Every error of the library is a constant of the type Error, for errors.Is; what calls return wraps it together with
// the line that says more. One goroutine at a time submits and one at a time receives; a second one is told ErrBusy.
package culvert

// #cgo pkg-config: culvert
// #include <culvert/culvert.h>
import "C"

import "fmt"

func init() {
	if err := checkABI(uint32(C.culvert_abi_version()), C.CULVERT_ABI_VERSION); err != nil {
		panic(err)
	}
}

// A library that a program finds at run time need not be the one that it was built with.
func checkABI(library, header uint32) error {
	if library == header {
		return nil
	}
	return fmt.Errorf("culvert: the library's ABI is %d, and this program was built for %d: build it anew",
		library, header)
}

// Version is the library's version: "0.3.0".
func Version() string { return C.GoString(C.culvert_version()) }

// HasCodec tells whether the library was built with this codec.
func HasCodec(codec Codec) bool { return C.culvert_has_codec(C.uint32_t(codec)) == 1 }

// CodecVersion is one line about the codec's own library: "x264 core 164 ...". ErrUnsupported: the build has it
// not.
func CodecVersion(codec Codec) (string, error) {
	var line [lineBytes]C.char
	if result := C.culvert_codec_version(C.uint32_t(codec), &line[0], lineBytes); result < 0 {
		return "", refusal("codec version", result, "")
	}
	return text(line[:]), nil
}

// SetLogLevel says which lines ReadLog gets: those of this severity and graver ones, of all sessions of the process.
func SetLogLevel(severity LogSeverity) error {
	if result := C.culvert_log_level(C.uint32_t(severity)); result < 0 {
		return refusal("log level", result, "")
	}
	return nil
}

// ReadLog takes the oldest line out of the library's log; false: there is none. It never waits. The log keeps 256
// lines; when some were lost, the next one says how many.
func ReadLog() (string, bool) {
	var line [lineBytes]C.char
	if C.culvert_log_read(&line[0], lineBytes) < 0 {
		return "", false
	}
	return text(line[:]), true
}
