package main

import (
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// codec is for messages made from descriptors: of Debian's two versions of golang/protobuf, which grpc-go uses, one does not know them.
type codec struct{}

var dynamic = grpc.ForceCodec(codec{})

func (codec) Name() string { return "proto" }

func (codec) Marshal(message interface{}) ([]byte, error) {
	return proto.Marshal(message.(proto.Message))
}

func (codec) Unmarshal(data []byte, message interface{}) error {
	return proto.Unmarshal(data, message.(proto.Message))
}
