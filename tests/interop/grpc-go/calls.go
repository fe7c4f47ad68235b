package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

const patience = 20 * time.Second

// with makes a context of key-value headers. Every call ends within the checks' patience.
func with(headers ...string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	return metadata.AppendToOutgoingContext(ctx, headers...), cancel
}

// unary calls an RPC with the request, filled by the rule if none is given.
func (c *client) unary(ctx context.Context, name string, request proto.Message, options ...grpc.CallOption) (*dynamicpb.Message, error) {
	method := c.method(name)
	if request == nil {
		request = filled(method.Input())
	}
	response := dynamicpb.NewMessage(method.Output())
	err := c.connection.Invoke(ctx, path(method), request, response, append(options, dynamic)...)
	return response, err
}

func (c *client) stream(
	ctx context.Context, method protoreflect.MethodDescriptor, request proto.Message, options ...grpc.CallOption) (grpc.ClientStream, error) {
	description := &grpc.StreamDesc{ServerStreams: true}
	stream, err := c.connection.NewStream(ctx, description, path(method), append(options, dynamic)...)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(request); err != nil && err != io.EOF {
		return nil, err
	}
	return stream, stream.CloseSend()
}

// receiveAll reads a stream to its end: the messages, and the error that ended it, if any.
func receiveAll(stream grpc.ClientStream, descriptor protoreflect.MessageDescriptor) ([]*dynamicpb.Message, error) {
	var messages []*dynamicpb.Message
	for {
		message := dynamicpb.NewMessage(descriptor)
		err := stream.RecvMsg(message)
		if err == io.EOF {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		messages = append(messages, message)
	}
}

func expectCode(err error, want codes.Code) error {
	if got := status.Code(err); got != want {
		return fmt.Errorf("code is %v (%v), want %v", got, err, want)
	}
	return nil
}

func expectFilled(message *dynamicpb.Message) error {
	if want := filled(message.Descriptor()); !proto.Equal(message, want) {
		return fmt.Errorf("the response is %v, want %v", message, want)
	}
	return nil
}

// expectMeaningful refuses the codes that say only that something broke.
func expectMeaningful(err error) error {
	switch code := status.Code(err); code {
	case codes.Unknown, codes.Internal, codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.DataLoss:
		return fmt.Errorf("code is %v: %v", code, err)
	}
	if err != nil && status.Convert(err).Message() == "" {
		return fmt.Errorf("code %v comes without a message", status.Code(err))
	}
	return nil
}
