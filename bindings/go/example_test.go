package culvert_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"culvert"
)

// A game that changes its size, and a goroutine that receives.
func Example() {
	session, err := culvert.Open(culvert.Config{Codec: culvert.CodecNull, FPSNum: 60, FPSDen: 1,
		Policy: culvert.PolicyBlock})
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	sent := make(chan bool)
	go func() {
		defer close(sent)
		for {
			packet, err := session.Receive(context.Background())
			if err == io.EOF {
				return
			}
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("frame %d: %dx%d %v\n", packet.Frame, packet.Width, packet.Height, packet.Flags)
		}
	}()
	for i, width := range []uint32{256, 320, 320} {
		frame := culvert.Frame{Format: culvert.FormatRGB565, Width: width, Height: 240, PTS: int64(i) * 1000000 / 60}
		frame.Pixels = make([]byte, 2*width*240)
		frame.Pixels[0] = byte(i)
		if err := session.Submit(&frame); err != nil {
			log.Fatal(err)
		}
	}
	session.Finish()
	<-sent
	// Output:
	// frame 1: 256x240 Key|Epoch|FirstSlice|LastSlice
	// frame 2: 320x240 Key|Epoch|FirstSlice|LastSlice
	// frame 3: 320x240 FirstSlice|LastSlice
}

func ExampleError() {
	_, err := culvert.Open(culvert.Config{FPSNum: 60, FPSDen: 1, Endpoint: "unix:/run/nobody"})
	fmt.Println(errors.Is(err, culvert.ErrGone))
	var call *culvert.CallError
	fmt.Println(errors.As(err, &call), call.Call)
	// Output:
	// true
	// true open
}

// A renderer that draws where the encoder takes its frames from.
func ExampleSession_Lease() {
	session, err := culvert.Open(culvert.Config{Codec: culvert.CodecNull, FPSNum: 60, FPSDen: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	lease, err := session.Lease(culvert.FormatBGRA, 320, 240)
	if err != nil {
		log.Fatal(err)
	}
	pixels := lease.Bytes()
	for i := range pixels {
		pixels[i] = 0xff
	}
	fmt.Println(len(pixels), lease.Commit(&culvert.Frame{PTS: culvert.PTSNow}), lease.Bytes() == nil)
	// Output: 307200 <nil> true
}

// One call for each frame, and a packet whose memory is used again.
func ExampleSession_Encode() {
	session, err := culvert.Open(culvert.Config{Codec: culvert.CodecNull, FPSNum: 60, FPSDen: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	frame := culvert.Frame{Format: culvert.FormatBGRA, Width: 64, Height: 64, Pixels: make([]byte, 4*64*64), PTS: 0}
	var packet culvert.Packet
	for i := 0; i < 2; i++ {
		result, err := session.Encode(&frame, &packet, time.Minute)
		fmt.Println(result, err)
		frame.PTS += 16667
	}
	// Output:
	// OK <nil>
	// Repeated <nil>
}
