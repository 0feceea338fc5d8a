package encoder

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"culvert"
)

func TestAGameIsEncodedWhateverItDoes(t *testing.T) {
	e, err := New(culvert.CodecH264, 59.94, 2000)
	if errors.Is(err, culvert.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	for i, size := range [][2]int{{256, 240}, {320, 240}, {640, 480}, {256, 240}, {255, 223}} {
		if err := e.SetPixelFormat(uint32(i % 3)); err != nil {
			t.Fatal(err)
		}
		e.SetRotation(uint(90 * i))
		e.SetFlip(i%2 == 1)
		in := Frame{Data: bytes.Repeat([]byte{byte(40 * i), 1, 2, 3}, size[0]*size[1]), Width: size[0], Height: size[1]}
		// On a busy machine the picture stood still for so long that it was refined in between.
		encodeUntil(t, e, in, func(data []byte) bool { return bytes.HasPrefix(data, []byte{0, 0, 0, 1, 0x67}) })
		encodeUntil(t, e, in, func(data []byte) bool { return data == nil })
	}
	if e.SetPixelFormat(3) == nil {
		t.Error("format 3 is taken")
	}
	if !strings.Contains(e.Info(), "cabac=") {
		t.Error(e.Info())
	}
}

func encodeUntil(t *testing.T, e *Encoder, in Frame, wanted func(data []byte) bool) {
	t.Helper()
	for tries := 0; ; tries++ {
		data, err := e.Encode(in)
		if err != nil || tries == 10 {
			t.Fatalf("%dx%d: %d bytes (%v)", in.Width, in.Height, len(data), err)
		}
		if wanted(data) {
			return
		}
	}
}

func TestStopEndsAnEncoderThatIsBusy(t *testing.T) {
	e, err := New(culvert.CodecNull, 60, 2000)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			e.Stop()
		}()
	}
	in := Frame{Data: make([]byte, 4*64*64), Width: 64, Height: 64}
	for i := 0; err == nil; i++ {
		in.Data[0] = byte(i)
		_, err = e.Encode(in)
	}
	if !errors.Is(err, culvert.ErrClosed) {
		t.Error(err)
	}
	all.Wait()
}
