namespace Transformers.Tests.IO;

public class NpyWriterTests : TempFolderTest
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
                Assert.False(File.Exists(path), "a file has its name before it is complete");
                writer.Complete();
            }
            var bytes = File.ReadAllBytes(path);
            // The magic, version 1.0, and a header that fills 128 bytes: numpy.lib.format's description.
            Assert.Equal([0x93, .. "NUMPY"u8, 1, 0, 118, 0], bytes[..10]);
            var header = Encoding.ASCII.GetString(bytes, 10, 118);
            Assert.Equal("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", header.TrimEnd());
            Assert.EndsWith("\n", header);
            Assert.Equal(128 + 6 * 4, bytes.Length);
            Assert.Equal(-6.5f, BitConverter.ToSingle(bytes, 128 + 5 * 4));

            using (var writer = new NpyWriter(path, 0))
            {
                writer.Add(7);
                writer.Complete();
            }
            bytes = File.ReadAllBytes(path);
            Assert.Contains("'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", Encoding.ASCII.GetString(bytes, 10, 118));
            Assert.Equal(7, BitConverter.ToInt64(bytes, 128));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_file_where_its_folder_should_be_is_said()
    {
        folder.Write("a", "a file");
        Assert.Equal($"{folder["a/b.npy"]}: cannot be written: its folder is a file", Assert.Throws<UserException>(() => new NpyWriter(folder["a/b.npy"], 3)).Message);
    }

    [MountFact]
    public void On_a_full_disk_nothing_is_left_and_the_reason_is_said()
    {
        Directory.CreateDirectory(folder["disk"]);
        Assert.Equal(0, MountFactAttribute.Run("mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", folder["disk"]));
        try
        {
            foreach (var rows in (int[])[700, 50_000]) // What is held back shows at the end, what is not before it.
                Assert.Equal($"{folder["disk/a.npy"]}: cannot be written: No space left on device", Assert.Throws<UserException>(() =>
                {
                    using var writer = new NpyWriter(folder["disk/a.npy"], 3);
                    for (var row = 0; row < rows; row++) writer.Add([1, 2, 3]);
                    writer.Complete();
                }).Message);
            Assert.Empty(Directory.EnumerateFileSystemEntries(folder["disk"]));
        }
        finally
        {
            MountFactAttribute.Run("umount", "-l", folder["disk"]);
        }
    }
}
