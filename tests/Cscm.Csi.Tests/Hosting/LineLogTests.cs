using System.Text;
using Cscm.Csi.Logging;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Tests.Hosting;

/// <summary>The driver's log: one line each, whole, whoever writes beside it.</summary>
public sealed class LineLogTests
{
    [Fact]
    public void A_line_says_when_how_grave_and_where_from_and_stays_one_line()
    {
        using var output = new MemoryStream();
        using (var log = new LineLog(output, new FixedTime()))
        {
            ILogger logger = log.CreateLogger("Cscm.Pool");
            logger.Log(LogLevel.Information, new EventId(3), "made pvc-1, 2 MiB\nof \"files\"", null, static (text, _) => text);
            logger.Log(LogLevel.Error, new EventId(4), "failed", new InvalidOperationException("one\r\ntwo"), static (text, _) => text);
        }

        Assert.Equal(
            "2026-01-02T03:04:05.006Z info: Cscm.Pool[3] made pvc-1, 2 MiB of \"files\"\n" +
            "2026-01-02T03:04:05.006Z fail: Cscm.Pool[4] failed System.InvalidOperationException: one two\n",
            Encoding.UTF8.GetString(output.ToArray()));
    }

    [Fact]
    public void Lines_of_many_threads_do_not_mix()
    {
        using var output = new MemoryStream();
        using (var log = new LineLog(new Chopped(output), new FixedTime()))
        {
            ILogger logger = log.CreateLogger("Cscm");
            Parallel.For(0, 1000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
                logger.Log(LogLevel.Warning, new EventId(1), $"line {i}", null, static (text, _) => text));
        }

        string[] lines = Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(
            Enumerable.Range(0, 1000).Select(i => $"2026-01-02T03:04:05.006Z warn: Cscm[1] line {i}").Order(StringComparer.Ordinal),
            lines.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_output_that_is_gone_stops_nobody()
    {
        using var log = new LineLog(new Gone(), new FixedTime());
        Assert.Null(Record.Exception(() =>
            log.CreateLogger("Cscm").Log(LogLevel.Critical, new EventId(1), "lost", null, static (text, _) => text)));
    }

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 3, 4, 5, 6, TimeSpan.Zero);
    }

    /// <summary>Takes a write byte by byte, as a full pipe may.</summary>
    private sealed class Chopped(Stream inner) : Stub
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            foreach (byte b in buffer)
            {
                inner.WriteByte(b);
                if (b == ' ')
                    Thread.Yield();
            }
        }
    }

    private sealed class Gone : Stub
    {
        public override void Write(ReadOnlySpan<byte> buffer) => throw new IOException("Broken pipe");
    }

    private abstract class Stub : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    }
}
