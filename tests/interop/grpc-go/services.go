package main

import (
	"context"
	"fmt"

	generated "github.com/golang/protobuf/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	health "google.golang.org/grpc/health/grpc_health_v1"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// checkHealth uses grpc-go's own generated client.
func (c *client) checkHealth() {
	client := health.NewHealthClient(c.connection)
	expect := func(service string, want health.HealthCheckResponse_ServingStatus) error {
		ctx, cancel := with()
		defer cancel()
		response, err := client.Check(ctx, &health.HealthCheckRequest{Service: service})
		if err == nil && response.Status != want {
			return fmt.Errorf("it is %v, want %v", response.Status, want)
		}
		return err
	}
	c.check("health of the server", func() error { return expect("", health.HealthCheckResponse_SERVING) })
	c.check("health of a service", func() error { return expect("csi.v1.Node", health.HealthCheckResponse_NOT_SERVING) })
	c.check("health of an unknown service", func() error {
		return expectCode(expect("no.such.Service", health.HealthCheckResponse_UNKNOWN), codes.NotFound)
	})
	c.check("health watched", func() error {
		ctx, cancel := with()
		defer cancel()
		for service, want := range map[string]health.HealthCheckResponse_ServingStatus{
			"":                health.HealthCheckResponse_SERVING,
			"no.such.Service": health.HealthCheckResponse_SERVICE_UNKNOWN,
		} {
			stream, err := client.Watch(ctx, &health.HealthCheckRequest{Service: service})
			if err != nil {
				return err
			}
			response, err := stream.Recv()
			if err != nil {
				return err
			}
			if response.Status != want {
				return fmt.Errorf("%q is %v, want %v", service, response.Status, want)
			}
		}
		return nil
	})
}

// checkReflection asks v1alpha with grpc-go's own client, and v1, which that version lacks, by descriptor.
func (c *client) checkReflection(v1 bool) {
	c.check("reflection v1alpha", func() error {
		ctx, cancel := with()
		defer cancel()
		stream, err := reflection.NewServerReflectionClient(c.connection).ServerReflectionInfo(ctx)
		if err != nil {
			return err
		}
		ask := func(request *reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error) {
			if err := stream.Send(request); err != nil {
				return nil, err
			}
			return stream.Recv()
		}
		return c.checkReflectionAnswers(ask)
	})
	if v1 {
		c.check("reflection v1", func() error { return c.checkReflectionV1() })
	}
}

func (c *client) checkReflectionAnswers(
	ask func(*reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error)) error {
	listed, err := ask(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{ListServices: "*"}})
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, service := range listed.GetListServicesResponse().GetService() {
		names[service.Name] = true
	}
	for _, want := range []string{"csi.v1.Identity", "csi.v1.Controller", "csi.v1.Node", "grpc.health.v1.Health"} {
		if !names[want] {
			return fmt.Errorf("%s is not among %v", want, names)
		}
	}

	symbol, err := ask(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "csi.v1.Node.NodePublishVolume"}})
	if err != nil {
		return err
	}
	for _, data := range symbol.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(data, file); err != nil {
			return err
		}
		if file.GetPackage() == "csi.v1" {
			return c.checkUnknownSymbol(ask)
		}
	}
	return fmt.Errorf("no file of package csi.v1 came: %v", symbol.GetErrorResponse())
}

func (c *client) checkUnknownSymbol(
	ask func(*reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error)) error {
	unknown, err := ask(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "no.such.Symbol"}})
	if err != nil {
		return err
	}
	if got := codes.Code(unknown.GetErrorResponse().GetErrorCode()); got != codes.NotFound {
		return fmt.Errorf("an unknown symbol is %v", got)
	}
	return nil
}

// checkReflectionV1 sends v1alpha's messages, which are the same on the wire, to v1.
func (c *client) checkReflectionV1() error {
	method := c.method("grpc.reflection.v1.ServerReflection.ServerReflectionInfo")
	ctx, cancel := with()
	defer cancel()
	stream, err := c.connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, path(method), dynamic)
	if err != nil {
		return err
	}
	return c.checkReflectionAnswers(func(request *reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error) {
		if err := convertAndSend(stream, method.Input(), request); err != nil {
			return nil, err
		}
		answer := dynamicpb.NewMessage(method.Output())
		if err := stream.RecvMsg(answer); err != nil {
			return nil, err
		}
		data, err := proto.Marshal(answer)
		if err != nil {
			return nil, err
		}
		response := &reflection.ServerReflectionResponse{}
		return response, generated.Unmarshal(data, response)
	})
}

func convertAndSend(
	stream grpc.ClientStream, descriptor protoreflect.MessageDescriptor, request *reflection.ServerReflectionRequest) error {
	data, err := generated.Marshal(request)
	if err != nil {
		return err
	}
	message := dynamicpb.NewMessage(descriptor)
	if err := proto.Unmarshal(data, message); err != nil {
		return err
	}
	return stream.SendMsg(message)
}

// checkDriver calls every RPC of a real driver with an empty request, which must be answered and change nothing.
func (c *client) checkDriver() {
	for _, method := range c.methods() {
		method := method
		c.check("rpc "+shortName(method), func() error {
			ctx, cancel := with()
			defer cancel()
			return expectMeaningful(c.callEmpty(ctx, method))
		})
	}
	c.check("unknown method", func() error { return c.checkUnknown("/csi.v1.Identity/Unknown") })
	c.check("unknown service", func() error { return c.checkUnknown("/no.such.Service/Method") })
	c.check("message over 4 MiB", func() error { return c.checkLargeRequest(limitBytes+1, codes.ResourceExhausted) })
	c.check("health of the server", func() error {
		ctx, cancel := with()
		defer cancel()
		response, err := health.NewHealthClient(c.connection).Check(ctx, &health.HealthCheckRequest{})
		if err == nil && response.Status != health.HealthCheckResponse_SERVING {
			return fmt.Errorf("it is %v", response.Status)
		}
		return err
	})
	c.checkReflection(true)
}

func (c *client) callEmpty(ctx context.Context, method protoreflect.MethodDescriptor) error {
	request := dynamicpb.NewMessage(method.Input())
	if !method.IsStreamingServer() {
		_, err := c.unary(ctx, string(method.FullName()), request)
		return err
	}
	stream, err := c.stream(ctx, method, request)
	if err != nil {
		return err
	}
	_, err = receiveAll(stream, method.Output())
	return err
}
