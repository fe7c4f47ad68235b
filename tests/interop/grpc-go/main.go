// Drives a CSI server with grpc-go, the library of kubelet and the sidecars.
package main

import (
	"context"
	"fmt"
	"io/ioutil"
	"net"
	"os"
	"sort"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

type client struct {
	connection *grpc.ClientConn
	files      *protoregistry.Files
	sizes      *sizes
	failures   int
}

func main() {
	if len(os.Args) != 4 || (os.Args[3] != "script" && os.Args[3] != "driver") {
		fmt.Fprintln(os.Stderr, "usage: client DESCRIPTORS SOCKET script|driver")
		os.Exit(2)
	}
	files, err := readDescriptors(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	sizes := &sizes{}
	connection, err := connect(os.Args[2], sizes)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	defer connection.Close()

	c := &client{connection: connection, files: files, sizes: sizes}
	if os.Args[3] == "script" {
		c.checkScript()
	} else {
		c.checkDriver()
	}
	if c.failures > 0 {
		os.Exit(1)
	}
}

func readDescriptors(path string) (*protoregistry.Files, error) {
	data, err := ioutil.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(data, set); err != nil {
		return nil, err
	}
	return protodesc.NewFiles(set)
}

func connect(socket string, sizes *sizes) (*grpc.ClientConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// What the CSI sidecars do: the authority is not the path.
	return grpc.DialContext(ctx, socket, grpc.WithInsecure(), grpc.WithBlock(), grpc.WithAuthority("localhost"), grpc.WithStatsHandler(sizes),
		grpc.WithContextDialer(func(ctx context.Context, path string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}))
}

// check runs one check and prints its line.
func (c *client) check(name string, run func() error) {
	if err := run(); err != nil {
		c.failures++
		fmt.Printf("FAIL %s: %v\n", name, err)
		return
	}
	fmt.Printf("PASS %s\n", name)
}

// methods are all RPCs of csi.proto, by full name.
func (c *client) methods() []protoreflect.MethodDescriptor {
	file, err := c.files.FindFileByPath("csi/csi.proto")
	if err != nil {
		panic(err)
	}
	var methods []protoreflect.MethodDescriptor
	for i := 0; i < file.Services().Len(); i++ {
		service := file.Services().Get(i)
		for j := 0; j < service.Methods().Len(); j++ {
			methods = append(methods, service.Methods().Get(j))
		}
	}
	sort.Slice(methods, func(i, j int) bool { return methods[i].FullName() < methods[j].FullName() })
	return methods
}

func (c *client) method(name string) protoreflect.MethodDescriptor {
	found, err := c.files.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		panic(err)
	}
	return found.(protoreflect.MethodDescriptor)
}

func path(method protoreflect.MethodDescriptor) string {
	return fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name())
}

func shortName(method protoreflect.MethodDescriptor) string {
	return fmt.Sprintf("%s.%s", method.Parent().Name(), method.Name())
}
