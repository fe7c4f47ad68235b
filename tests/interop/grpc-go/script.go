package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

const (
	limitBytes   = 4 * 1024 * 1024
	deleteVolume = "csi.v1.Controller.DeleteVolume"
	pluginInfo   = "csi.v1.Identity.GetPluginInfo"
	allocated    = "csi.v1.SnapshotMetadata.GetMetadataAllocated"
)

// checkScript drives the scripted test host.
func (c *client) checkScript() {
	for _, method := range c.methods() {
		method := method
		c.check("rpc "+shortName(method), func() error { return c.checkFilled(method) })
	}
	c.check("status every code", c.checkStatusCodes)
	c.check("status non-ASCII message", c.checkMessage)
	c.check("status after streamed messages", c.checkStreamThenStatus)
	c.check("status of an unforeseen exception", c.checkException)
	c.check("unknown method", func() error { return c.checkUnknown("/csi.v1.Identity/Unknown") })
	c.check("unknown service", func() error { return c.checkUnknown("/no.such.Service/Method") })
	c.check("metadata binary", c.checkMetadata)
	c.check("message of exactly 4 MiB", func() error { return c.checkLargeRequest(limitBytes, codes.OK) })
	c.check("message over 4 MiB", func() error { return c.checkLargeRequest(limitBytes+1, codes.ResourceExhausted) })
	c.check("message over 4 MiB, then the connection still works", c.checkAfterLarge)
	c.check("response of 16 MiB", c.checkLargeResponse)
	c.check("gzip request", func() error { return c.checkLargeRequest(limitBytes/2, codes.OK, grpc.UseCompressor(gzip.Name)) })
	c.check("gzip request over 4 MiB decompressed", func() error {
		return c.checkLargeRequest(limitBytes+1, codes.ResourceExhausted, grpc.UseCompressor(gzip.Name))
	})
	c.check("gzip response", c.checkGzipResponse)
	c.check("deadline", c.checkDeadline)
	c.check("cancellation", c.checkCancellation)
	c.check("cancellation of an endless stream", c.checkEndlessStream)
	c.check("concurrent calls", c.checkConcurrent)
	c.checkHealth()
	c.checkReflection(true)
}

func (c *client) checkFilled(method protoreflect.MethodDescriptor) error {
	ctx, cancel := with("x-verify", "1")
	defer cancel()
	if !method.IsStreamingServer() {
		response, err := c.unary(ctx, string(method.FullName()), nil)
		if err != nil {
			return err
		}
		return expectFilled(response)
	}
	stream, err := c.stream(ctx, method, filled(method.Input()))
	if err != nil {
		return err
	}
	messages, err := receiveAll(stream, method.Output())
	if err != nil {
		return err
	}
	if len(messages) != 3 {
		return fmt.Errorf("%d messages came, want 3", len(messages))
	}
	for _, message := range messages {
		if err := expectFilled(message); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) checkStatusCodes() error {
	for code := codes.Code(1); code <= 16; code++ {
		ctx, cancel := with("x-status", strconv.Itoa(int(code)), "x-message-bin", "why")
		_, err := c.unary(ctx, deleteVolume, nil)
		cancel()
		if got := status.Convert(err); got.Code() != code || got.Message() != "why" {
			return fmt.Errorf("got %v, want %v", err, code)
		}
	}
	return nil
}

func (c *client) checkMessage() error {
	const message = "100 % Größe\n体积 🚀 \"quoted\""
	var trailer metadata.MD
	ctx, cancel := with("x-status", "5", "x-message-bin", message)
	defer cancel()
	_, err := c.unary(ctx, deleteVolume, nil, grpc.Trailer(&trailer))
	if got := status.Convert(err).Message(); got != message {
		return fmt.Errorf("got %q", got)
	}
	if got := trailer.Get("x-trailer"); len(got) != 1 || got[0] != "of the exception" {
		return fmt.Errorf("the exception's trailer is %q", got)
	}
	return nil
}

func (c *client) checkStreamThenStatus() error {
	ctx, cancel := with("x-count", "5", "x-status", "15", "x-message-bin", "lost")
	defer cancel()
	method := c.method(allocated)
	stream, err := c.stream(ctx, method, filled(method.Input()))
	if err != nil {
		return err
	}
	messages, err := receiveAll(stream, method.Output())
	if len(messages) != 5 {
		return fmt.Errorf("%d messages came, want 5", len(messages))
	}
	return expectCode(err, codes.DataLoss)
}

func (c *client) checkException() error {
	ctx, cancel := with("x-throw", "1")
	defer cancel()
	_, err := c.unary(ctx, deleteVolume, nil)
	message := status.Convert(err).Message()
	if strings.Contains(message, "secret") || strings.Contains(message, "InvalidOperation") || strings.Contains(message, " at ") {
		return fmt.Errorf("it leaks: %q", message)
	}
	return expectCode(err, codes.Unknown)
}

func (c *client) checkUnknown(path string) error {
	ctx, cancel := with()
	defer cancel()
	message := dynamicpb.NewMessage(c.method(pluginInfo).Input())
	return expectCode(c.connection.Invoke(ctx, path, message, message, dynamic), codes.Unimplemented)
}

func (c *client) checkMetadata() error {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, want := range [][]byte{all, all[:1], all[:2], {}} {
		var header, trailer metadata.MD
		ctx, cancel := with("x-echo-bin", string(want), "x-echo-text", "plain text, with a comma")
		_, err := c.unary(ctx, deleteVolume, nil, grpc.Header(&header), grpc.Trailer(&trailer))
		cancel()
		if err != nil {
			return err
		}
		for _, got := range []metadata.MD{header, trailer} {
			if values := got.Get("x-echo-bin"); len(values) != 1 || !bytes.Equal([]byte(values[0]), want) {
				return fmt.Errorf("x-echo-bin is %q, want %q", values, want)
			}
			if values := got.Get("x-echo-text"); len(values) != 1 || values[0] != "plain text, with a comma" {
				return fmt.Errorf("x-echo-text is %q", values)
			}
		}
	}
	return nil
}

// requestOf is a DeleteVolume request of exactly so many bytes: its tag takes one, its length four.
func (c *client) requestOf(sizeBytes int) *dynamicpb.Message {
	message := dynamicpb.NewMessage(c.method(deleteVolume).Input())
	field := message.Descriptor().Fields().ByName("volume_id")
	message.Set(field, protoreflect.ValueOfString(strings.Repeat("v", sizeBytes-5)))
	return message
}

func (c *client) checkLargeRequest(sizeBytes int, want codes.Code, options ...grpc.CallOption) error {
	var trailer metadata.MD
	ctx, cancel := with("x-pass", "1")
	defer cancel()
	_, err := c.unary(ctx, deleteVolume, c.requestOf(sizeBytes), append(options, grpc.Trailer(&trailer))...)
	if err := expectCode(err, want); err != nil || want != codes.OK {
		return err
	}
	if got := trailer.Get("x-received"); len(got) != 1 || got[0] != strconv.Itoa(sizeBytes-5) {
		return fmt.Errorf("the host received %q characters", got)
	}
	return nil
}

func (c *client) checkAfterLarge() error {
	for i := 0; i < 10; i++ {
		if err := c.checkLargeRequest(2*limitBytes, codes.ResourceExhausted); err != nil {
			return err
		}
		if err := c.checkLargeRequest(1024*1024, codes.OK); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) checkLargeResponse() error {
	const size = 16 * 1024 * 1024
	ctx, cancel := with("x-pass", "1", "x-response-size", strconv.Itoa(size))
	defer cancel()
	response, err := c.unary(ctx, pluginInfo, nil, grpc.MaxCallRecvMsgSize(size+4096))
	if err != nil {
		return err
	}
	if got := len(response.Get(response.Descriptor().Fields().ByName("vendor_version")).String()); got != size {
		return fmt.Errorf("%d characters came", got)
	}
	return nil
}

func (c *client) checkGzipResponse() error {
	const size = 1024 * 1024
	ctx, cancel := with("x-pass", "1", "x-gzip", "1", "x-response-size", strconv.Itoa(size))
	defer cancel()
	response, err := c.unary(ctx, pluginInfo, nil, grpc.UseCompressor(gzip.Name)) // it accepts what it sends
	if err != nil {
		return err
	}
	if got := len(response.Get(response.Descriptor().Fields().ByName("vendor_version")).String()); got != size {
		return fmt.Errorf("%d characters came", got)
	}
	if wire := c.sizes.lastOnWire(); wire > size/10 {
		return fmt.Errorf("it took %d bytes on the wire: it was not compressed", wire)
	}
	return nil
}

func (c *client) checkDeadline() error {
	ctx, cancel := with("x-delay-ms", "10000")
	defer cancel()
	ctx, cancelSoon := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancelSoon()
	begin := time.Now()
	_, err := c.unary(ctx, deleteVolume, nil)
	if took := time.Since(begin); took > 5*time.Second {
		return fmt.Errorf("it took %v", took)
	}
	return expectCode(err, codes.DeadlineExceeded)
}

func (c *client) checkCancellation() error {
	ctx, cancel := with("x-delay-ms", "10000")
	time.AfterFunc(200*time.Millisecond, cancel)
	_, err := c.unary(ctx, deleteVolume, nil)
	return expectCode(err, codes.Canceled)
}

func (c *client) checkEndlessStream() error {
	ctx, cancel := with("x-pass", "1")
	defer cancel()
	method := c.method(allocated)
	stream, err := c.stream(ctx, method, filled(method.Input()))
	if err != nil {
		return err
	}
	for i := 0; i < 100; i++ {
		if err := stream.RecvMsg(dynamicpb.NewMessage(method.Output())); err != nil {
			return err
		}
	}
	cancel()
	// What had arrived before may still be read.
	_, err = receiveAll(stream, method.Output())
	return expectCode(err, codes.Canceled)
}

func (c *client) checkConcurrent() error {
	const callers, callsEach = 50, 20
	var waiting sync.WaitGroup
	failures := make(chan error, callers*callsEach)
	method := c.method("csi.v1.Node.NodePublishVolume")
	for i := 0; i < callers; i++ {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			for j := 0; j < callsEach; j++ {
				if err := c.checkFilled(method); err != nil {
					failures <- err
				}
			}
		}()
	}
	waiting.Wait()
	close(failures)
	if err, failed := <-failures; failed {
		return errors.New("one of them: " + err.Error())
	}
	return nil
}
