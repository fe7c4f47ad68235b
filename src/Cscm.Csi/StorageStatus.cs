using Cscm.Storage;
using Grpc.Core;

namespace Cscm.Csi;

/// <summary>Turns storage's refusals into gRPC's, one kind to one code (CSI specification, "Error Scheme").</summary>
public static class StorageStatus
{
    public static RpcException ToRpcException(StorageException exception) => new(new Status(CodeOf(exception.Kind), exception.Message));

    public static StatusCode CodeOf(StorageErrorKind kind) => kind switch
    {
        StorageErrorKind.InvalidArgument => StatusCode.InvalidArgument,
        StorageErrorKind.NotFound => StatusCode.NotFound,
        StorageErrorKind.AlreadyExists => StatusCode.AlreadyExists,
        StorageErrorKind.OutOfRange => StatusCode.OutOfRange,
        StorageErrorKind.ResourceExhausted => StatusCode.ResourceExhausted,
        StorageErrorKind.FailedPrecondition => StatusCode.FailedPrecondition,
        StorageErrorKind.Aborted => StatusCode.Aborted,
        StorageErrorKind.Unavailable => StatusCode.Unavailable,
        StorageErrorKind.DataLoss => StatusCode.DataLoss,
        StorageErrorKind.Unimplemented => StatusCode.Unimplemented,
        _ => StatusCode.Internal,
    };
}
