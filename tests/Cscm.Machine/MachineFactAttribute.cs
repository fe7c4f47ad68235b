using Xunit;

namespace Cscm.Machine;

/// <summary>A test that needs a machine; skipped, with the reason, where none can be started.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class MachineFactAttribute : FactAttribute
{
    public MachineFactAttribute()
    {
        if (Machines.WhyUnavailable is string reason)
            Skip = $"needs a virtual machine: {reason}";
    }
}

/// <summary>As <see cref="MachineFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class MachineTheoryAttribute : TheoryAttribute
{
    public MachineTheoryAttribute()
    {
        if (Machines.WhyUnavailable is string reason)
            Skip = $"needs a virtual machine: {reason}";
    }
}
