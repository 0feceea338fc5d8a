// Package encoder is an encoder as streamers like to have one: a frame goes in, bytes come out, and what the game
// core says about its picture is set beside it. It is made of package culvert, to be copied and changed.
package encoder

import (
	"fmt"
	"sync"
	"time"

	"culvert"
)

// Encoder encodes a game's frames, one at a time; its other methods may be called from anywhere.
type Encoder struct {
	session *culvert.Session
	packet  culvert.Packet

	mutex sync.Mutex
	frame culvert.Frame // what is set beside the pixels
}

// Frame is what a game core hands out.
type Frame struct {
	Data          []byte
	Width, Height int
	Stride        int // bytes; 0: tight
}

// New opens an encoder for a game of so many frames a second.
func New(codec culvert.Codec, fps float64, kbps int) (*Encoder, error) {
	session, err := culvert.Open(culvert.Config{Codec: codec, FPSNum: uint32(fps*1000 + 0.5), FPSDen: 1000,
		BitrateKbps: uint32(kbps)})
	if err != nil {
		return nil, err
	}
	return &Encoder{session: session, frame: culvert.Frame{Format: culvert.FormatXRGB8888, PTS: culvert.PTSNow}}, nil
}

// Encode returns the frame's access unit, valid up to the next call; nil when the frame yields none, because nothing
// has changed, say. One that came without a frame, a key frame during a pause, is handed out first, and the frame's own
// by the next call. The frame's memory is not needed afterwards. Its size may change whenever it likes.
func (e *Encoder) Encode(in Frame) ([]byte, error) {
	e.mutex.Lock()
	frame := e.frame
	e.mutex.Unlock()
	frame.Pixels, frame.Width, frame.Height = in.Data, uint32(in.Width), uint32(in.Height)
	frame.Stride[0] = uint32(in.Stride)
	result, err := e.session.Encode(&frame, &e.packet, time.Second)
	if err != nil || result != culvert.ResultOK && result != culvert.ResultEarlier {
		return nil, err
	}
	return e.packet.Data, nil
}

func (e *Encoder) set(change func(*culvert.Frame)) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	change(&e.frame)
}

// SetPixelFormat takes libretro's number of a format: 0 is 0RGB1555, 1 XRGB8888, 2 RGB565.
func (e *Encoder) SetPixelFormat(libretro uint32) error {
	formats := []culvert.Format{culvert.Format0RGB1555, culvert.FormatXRGB8888, culvert.FormatRGB565}
	if libretro >= uint32(len(formats)) {
		return fmt.Errorf("encoder: pixel format %d is none of libretro's", libretro)
	}
	e.set(func(f *culvert.Frame) { f.Format = formats[libretro] })
	return nil
}

// SetRotation turns pictures counter-clockwise, by a multiple of 90 degrees.
func (e *Encoder) SetRotation(degrees uint) {
	e.set(func(f *culvert.Frame) { f.Rotation = uint32(degrees % 360) })
}

// SetFlip is for cores that draw with OpenGL, whose first row is the lowest.
func (e *Encoder) SetFlip(flip bool) {
	e.set(func(f *culvert.Frame) {
		f.Flip = 0
		if flip {
			f.Flip = culvert.FlipVertical
		}
	})
}

// IntraRefresh is what a viewer's picture loss indication becomes.
func (e *Encoder) IntraRefresh() error {
	_, err := e.session.RequestKeyframe()
	return err
}

// Info is what the codec runs with.
func (e *Encoder) Info() string {
	params, _ := e.session.Params()
	return "culvert " + culvert.Version() + ": " + params
}

// Stop may be called more than once, and while Encode runs.
func (e *Encoder) Stop() { e.session.Close() }
