package culvert_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"culvert"
)

// What every test opens its sessions with: in this process, or with -daemon in a culvertd of the tests' own.
var endpoint string

func TestMain(m *testing.M) {
	daemon := flag.Bool("daemon", false, "encode in a culvertd, $CULVERTD, that is started for the tests")
	flag.Parse()
	os.Exit(run(m, *daemon))
}

func run(m *testing.M, daemon bool) int {
	if daemon {
		stop, err := startDaemon()
		if err != nil {
			fmt.Fprintln(os.Stderr, "culvertd:", err)
			return 1
		}
		defer stop()
	}
	return m.Run()
}

func startDaemon() (stop func(), err error) {
	dir, err := os.MkdirTemp("", "culvert")
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(dir, "s")
	command := exec.Command(os.Getenv("CULVERTD"), "--socket", socket)
	if err := command.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait()
		os.RemoveAll(dir)
	}
	for i := 0; i < 600; i++ {
		if _, err = culvert.List("unix:" + socket); err == nil {
			endpoint = "unix:" + socket
			return stop, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	stop()
	return nil, fmt.Errorf("it does not answer: %w", err)
}

func needDaemon(t *testing.T) {
	if endpoint == "" {
		t.Skip("only with -daemon")
	}
}

// config is a quick session that queues every frame, and sends nothing else, however long there is none.
func config(codec culvert.Codec) culvert.Config {
	return culvert.Config{Codec: codec, FPSNum: 60, FPSDen: 1, Speed: 10, Policy: culvert.PolicyBlock,
		MaxWidth: 640, MaxHeight: 480, Endpoint: endpoint, Refresh: culvert.Never, Flags: culvert.ConfigCoarseStills}
}

func pixelsConfig() culvert.Config {
	config := config(culvert.CodecNull)
	config.Options = "pixels=1"
	return config
}

func open(t testing.TB, config culvert.Config) *culvert.Session {
	t.Helper()
	if !culvert.HasCodec(config.Codec) && config.Codec != culvert.CodecDefault {
		t.Skip("the library has no ", config.Codec)
	}
	s, err := culvert.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// frame is the i-th of a moving picture.
func frame(i int, width, height uint32) *culvert.Frame {
	f := &culvert.Frame{Format: culvert.FormatRGB565, Width: width, Height: height, PTS: int64(i) * 1000000 / 60}
	f.Pixels = make([]byte, 2*width*height)
	for k := range f.Pixels {
		f.Pixels[k] = byte((k + 7*i) / 16)
	}
	return f
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, err error, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, and not %v", err, want)
	}
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// rest receives up to the end of the stream.
func rest(t testing.TB, s *culvert.Session) (all []culvert.Packet) {
	t.Helper()
	for {
		p, err := s.Receive(soon(t))
		if err == io.EOF {
			return all
		}
		must(t, err)
		all = append(all, p)
	}
}
