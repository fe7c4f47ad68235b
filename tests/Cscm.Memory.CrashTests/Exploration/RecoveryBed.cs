using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Cscm.Memory.CrashTests.Model;
using Cscm.Memory.Medium;

namespace Cscm.Memory.CrashTests.Exploration;

/// <summary>
/// A heap file in memory into which crash states are laid one after another and opened. Only the lines that a state or its recovery
/// touched are put back afterwards, which is what makes a million states affordable. Not thread-safe.
/// </summary>
internal sealed unsafe class RecoveryBed : IDisposable
{
    private readonly string _path = Path.Combine("/dev/shm", $"cscm-recovery-{Environment.ProcessId}-{Guid.NewGuid():N}");
    private const int RecoverySampleCount = 12;

    private readonly ScmHeapOptions _options;
    private readonly PersistenceDomain _domain;
    private readonly Touches _touches;
    private FileStream _file;
    private MemoryMappedFile _mapping;
    private MemoryMappedViewAccessor _view;
    private byte* _start;

    public RecoveryBed(CrashScenario scenario, ReadOnlySpan<byte> content, PersistSite? dropped)
    {
        _domain = scenario.Domain;
        _touches = new Touches(dropped);
        _options = scenario.Options with
        {
            Domain = scenario.Domain,
            BackgroundCheckpoints = false,
            Preallocate = false,
            Recorder = _touches,
            ReservedAddressBytes = Math.Max(scenario.HeapBytes * 4, 4 << 20),
        };
        (_file, _mapping, _view) = Map(content.Length);
        content.CopyTo(Bytes);
    }

    private Span<byte> Bytes => new(_start, (int)_file.Length);

    /// <summary>Takes over what became certain on the medium.</summary>
    public void Settle(MediumModel model)
    {
        if (model.SizeBytes != _file.Length)
        {
            Unmap();
            (_file, _mapping, _view) = Map(model.SizeBytes);
            model.Certain.CopyTo(Bytes);
            return;
        }
        foreach (int line in model.Settled)
            Restore(model, line);
    }

    /// <summary>Recovers a state and holds it against the promise.</summary>
    /// <returns>What is wrong; null if nothing.</returns>
    public string? Examine(MediumModel model, LineChoice[] state, Promise promise)
    {
        foreach (LineChoice choice in state)
            choice.Content.CopyTo(Line(choice.Line));
        _touches.Lines.Clear();
        try
        {
            using ScmHeap heap = ScmHeap.Open(_path, _options);
            return promise.FindBreach(heap);
        }
        catch (ScmException failure) when (promise.AllowsNoHeap(failure))
        {
            return null;
        }
        catch (Exception exception)
        {
            return $"{exception.GetType().Name}: {exception.Message}";
        }
        finally
        {
            PutBack(model, state);
        }
    }

    /// <summary>Recovers a state, and lets the power fail again at every event of that recovery: the promise holds all the same.</summary>
    public string? ExamineRecovery(MediumModel model, LineChoice[] state, Promise promise, Random random, HashSet<ulong> seen)
    {
        foreach (LineChoice choice in state)
            choice.Content.CopyTo(Line(choice.Line));
        byte[] start = Bytes.ToArray();
        var recorder = new TraceRecorder(_touches.Dropped);
        try
        {
            using ScmHeap heap = ScmHeap.Open(_path, _options with { Recorder = recorder });
        }
        catch (ScmException failure) when (promise.AllowsNoHeap(failure))
        {
            return null;
        }
        finally
        {
            model.Certain.CopyTo(Bytes);
        }
        var inner = new MediumModel(_domain, start);
        start.CopyTo(Bytes);
        string? problem = null;
        var hash = new ImageHash(inner.Certain);
        foreach (TraceEvent item in recorder.Events)
        {
            inner.Apply(item);
            Settle(inner);
            hash.Settle(inner);
            if (item.Kind is TraceKind.WroteBack or TraceKind.Fenced)
                continue;
            foreach (LineChoice[] innerState in CrashStates.Enumerate(inner, RecoverySampleCount, random))
            {
                if (!seen.Add(hash.With(inner, innerState) ^ promise.Key))
                    continue;
                if ((problem ??= Examine(inner, innerState, promise)) is not null)
                    break;
            }
        }
        model.Certain.CopyTo(Bytes);
        return problem is null ? null : $"after a second power failure, during recovery: {problem}";
    }

    public void Dispose()
    {
        Unmap();
        File.Delete(_path);
    }

    private (FileStream File, MemoryMappedFile Mapping, MemoryMappedViewAccessor View) Map(int sizeBytes)
    {
        var file = new FileStream(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        file.SetLength(0);
        file.SetLength(sizeBytes);
        var mapping = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        MemoryMappedViewAccessor view = mapping.CreateViewAccessor();
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref _start);
        return (file, mapping, view);
    }

    private void Unmap()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _mapping.Dispose();
        _file.Dispose();
    }

    private void PutBack(MediumModel model, LineChoice[] state)
    {
        if (new FileInfo(_path).Length != _file.Length)
        {
            // Recovery finished a growth: start over from the model.
            Unmap();
            (_file, _mapping, _view) = Map(model.SizeBytes);
            model.Certain.CopyTo(Bytes);
            return;
        }
        foreach (LineChoice choice in state)
            Restore(model, choice.Line);
        foreach (int line in _touches.Lines)
            Restore(model, line);
    }

    private Span<ulong> Line(int line) => MemoryMarshal.Cast<byte, ulong>(Bytes.Slice(line * MediumModel.LineBytes, MediumModel.LineBytes));

    private void Restore(MediumModel model, int line)
    {
        if ((line + 1) * MediumModel.LineBytes <= model.SizeBytes)
            model.CertainLine(line).CopyTo(Line(line));
    }

    /// <summary>Notes which lines a recovery writes.</summary>
    private sealed class Touches(PersistSite? dropped) : IMediumRecorder
    {
        public HashSet<int> Lines { get; } = [];

        public PersistSite? Dropped { get; } = dropped;

        public void Stored(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content)
        {
            for (long line = offsetBytes / MediumModel.LineBytes; line * MediumModel.LineBytes < offsetBytes + content.Length; line++)
                Lines.Add((int)line);
        }

        public void StoredUnseen(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content) => Stored(site, offsetBytes, content);

        public void Streamed(PersistSite site, long offsetBytes, ReadOnlySpan<byte> content) => Stored(site, offsetBytes, content);

        public void WroteBack(PersistSite site, long offsetBytes, long lengthBytes)
        {
        }

        public void Fenced(PersistSite site, long offsetBytes, long lengthBytes)
        {
        }

        public void Resized(long sizeBytes)
        {
        }

        public bool MayThrow => false;

        public bool Keeps(PersistSite site) => site != Dropped;
    }
}
