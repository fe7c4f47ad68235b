using System.Net;

namespace Cscm.Kubernetes;

/// <summary>What the API server refused, or that it could not be asked. Messages hold no secret.</summary>
public sealed class KubernetesException : Exception
{
    /// <param name="code">The HTTP status; null when no answer came.</param>
    /// <param name="reason">The API's word for it, where one status has several meanings.</param>
    /// <param name="message">What was tried and what the server said.</param>
    /// <param name="retryAfter">How long the server asked to be left alone.</param>
    /// <param name="innerException">Why no answer came.</param>
    public KubernetesException(HttpStatusCode? code, string? reason, string message, TimeSpan? retryAfter = null, Exception? innerException = null)
        : base(message, innerException) => (Code, Reason, RetryAfter) = (code, reason, retryAfter);

    public HttpStatusCode? Code { get; }
    public string? Reason { get; }
    public TimeSpan? RetryAfter { get; }

    public bool IsNotFound => Code == HttpStatusCode.NotFound;

    public bool IsAlreadyExists => Code == HttpStatusCode.Conflict && Reason == "AlreadyExists";

    /// <summary>Someone else wrote first.</summary>
    public bool IsConflict => Code == HttpStatusCode.Conflict && Reason != "AlreadyExists";

    /// <summary>The resourceVersion or continue token is too old.</summary>
    public bool IsGone => Code == HttpStatusCode.Gone;

    /// <summary>The same call may well succeed later.</summary>
    public bool IsTransient => Code is null or HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError;
}
