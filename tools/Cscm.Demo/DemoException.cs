namespace Cscm.Demo;

/// <summary>The demo cannot go on, or saw what it must not see; the message says what, and what to do. Printed without a stack.</summary>
internal sealed class DemoException(string message) : Exception(message);
