package main

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// filled makes a message by the rule in ../README.md.
func filled(descriptor protoreflect.MessageDescriptor) *dynamicpb.Message {
	message := dynamicpb.NewMessage(descriptor)
	fields := descriptor.Fields()
	for i := 0; i < fields.Len(); i++ {
		field := fields.Get(i)
		if oneof := field.ContainingOneof(); oneof != nil && last(oneof) != field {
			continue
		}
		switch {
		case field.IsMap():
			key := protoreflect.ValueOfString(fmt.Sprintf("key-%d", field.Number())).MapKey()
			message.Mutable(field).Map().Set(key, protoreflect.ValueOfString(fmt.Sprintf("%s-%d", field.Name(), field.Number())))
		case field.IsList():
			list := message.Mutable(field).List()
			list.Append(value(field))
			list.Append(value(field))
		default:
			message.Set(field, value(field))
		}
	}
	return message
}

func last(oneof protoreflect.OneofDescriptor) protoreflect.FieldDescriptor {
	highest := oneof.Fields().Get(0)
	for i := 1; i < oneof.Fields().Len(); i++ {
		if field := oneof.Fields().Get(i); field.Number() > highest.Number() {
			highest = field
		}
	}
	return highest
}

func value(field protoreflect.FieldDescriptor) protoreflect.Value {
	number := int64(field.Number())
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprintf("%s-%d-é", field.Name(), number))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(1000*number + 7))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(1<<60 + 1000*number + 7)
	case protoreflect.EnumKind:
		highest := protoreflect.EnumNumber(0)
		for i := 0; i < field.Enum().Values().Len(); i++ {
			if n := field.Enum().Values().Get(i).Number(); n > highest {
				highest = n
			}
		}
		return protoreflect.ValueOfEnum(highest)
	case protoreflect.MessageKind:
		return protoreflect.ValueOfMessage(child(field, number))
	}
	panic(fmt.Sprintf("csi.proto has no field of kind %v yet: add it to the rule", field.Kind()))
}

func child(field protoreflect.FieldDescriptor, number int64) *dynamicpb.Message {
	descriptor := field.Message()
	message := dynamicpb.NewMessage(descriptor)
	set := func(name protoreflect.Name, value protoreflect.Value) {
		message.Set(descriptor.Fields().ByName(name), value)
	}
	switch descriptor.FullName() {
	case "google.protobuf.Int64Value":
		set("value", protoreflect.ValueOfInt64(1<<60+number))
	case "google.protobuf.BoolValue":
		set("value", protoreflect.ValueOfBool(true))
	case "google.protobuf.Timestamp":
		set("seconds", protoreflect.ValueOfInt64(1000*number))
		set("nanos", protoreflect.ValueOfInt32(7))
	default:
		return filled(descriptor)
	}
	return message
}
