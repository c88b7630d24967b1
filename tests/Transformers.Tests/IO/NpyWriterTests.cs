using System.Text;
using Transformers.IO;

namespace Transformers.Tests.IO;

public class NpyWriterTests
{
    [Fact]
    public void Rows_are_written_as_numpy_reads_them()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using (var writer = new NpyWriter(path, 3))
            {
                writer.Add([1f, 2f, 3f]);
                writer.Add([4f, 5f, -6.5f]);
                Assert.Throws<ArgumentException>(() => writer.Add([1f]));
            }
            var bytes = File.ReadAllBytes(path);
            // The magic, version 1.0, and a header that fills 128 bytes: numpy.lib.format's description.
            Assert.Equal([0x93, .. "NUMPY"u8, 1, 0, 118, 0], bytes[..10]);
            var header = Encoding.ASCII.GetString(bytes, 10, 118);
            Assert.Equal("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", header.TrimEnd());
            Assert.EndsWith("\n", header);
            Assert.Equal(128 + 6 * 4, bytes.Length);
            Assert.Equal(-6.5f, BitConverter.ToSingle(bytes, 128 + 5 * 4));

            using (var writer = new NpyWriter(path, 0)) writer.Add(7);
            bytes = File.ReadAllBytes(path);
            Assert.Contains("'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", Encoding.ASCII.GetString(bytes, 10, 118));
            Assert.Equal(7, BitConverter.ToInt64(bytes, 128));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
