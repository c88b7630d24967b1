namespace Transformers.Tests.IO;

public sealed class MemoryLimitsTests : TempFolderTest
{
    MemoryRoom? Room() => new MemoryLimits(folder.FullPath).Room();

    [Fact]
    public void Without_groups_it_is_what_the_system_has_available()
    {
        folder.Write("proc/meminfo", "MemTotal:       24000000 kB\nMemFree:          100 kB\nMemAvailable:    2000 kB\n");
        Assert.Equal(2_048_000, Room()!.Value.Bytes);
        Assert.Contains("MemAvailable", Room()!.Value.Source);
    }

    [Fact]
    public void The_limit_of_any_group_above_counts_in_version_2()
    {
        folder.Write("proc/meminfo", "MemAvailable:    9000000 kB\n");
        folder.Write("proc/self/cgroup", "0::/slice/job\n");
        folder.Write("sys/fs/cgroup/slice/job/memory.max", "max\n");
        folder.Write("sys/fs/cgroup/slice/job/memory.current", "500\n");
        folder.Write("sys/fs/cgroup/slice/memory.max", "10000\n");
        folder.Write("sys/fs/cgroup/slice/memory.current", "6000\n");
        folder.Write("sys/fs/cgroup/slice/memory.stat", "anon 5000\ninactive_file 900\nactive_file 100\n");
        Assert.Equal(4_900, Room()!.Value.Bytes);
        Assert.EndsWith("slice/memory.max", Room()!.Value.Source);
    }

    [Fact]
    public void The_limit_of_any_group_above_counts_in_version_1()
    {
        folder.Write("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/job\n0::/\n");
        folder.Write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "8000\n");
        folder.Write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "3000\n");
        folder.Write("sys/fs/cgroup/memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 250\n");
        folder.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        folder.Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "3000\n");
        Assert.Equal(5_250, Room()!.Value.Bytes);
    }

    [Fact]
    public void A_path_of_the_host_that_the_container_does_not_see_falls_back_to_its_own_root()
    {
        folder.Write("proc/self/cgroup", "0::/host/docker/abc\n");
        folder.Write("sys/fs/cgroup/memory.max", "700\n");
        folder.Write("sys/fs/cgroup/memory.current", "800\n");
        Assert.Equal(-100, Room()!.Value.Bytes);
    }

    [Fact]
    public void A_system_without_limits_and_meaningless_lines_set_no_limit()
    {
        Assert.Null(Room());
        folder.Write("proc/self/cgroup", "nonsense\n0::/a\n");
        folder.Write("sys/fs/cgroup/a/memory.max", "-5\n");
        folder.Write("proc/meminfo", "MemAvailable: many kB\n");
        Assert.Null(Room());
    }

    [Fact]
    public void The_peak_counts_from_where_it_was_started_and_the_whole_peak_is_kept()
    {
        Assert.SkipUnless(ProcessMemory.CanMeasurePeak, "this system does not report the peak of memory");
        Touch(200 << 20);
        var high = ProcessMemory.Peak;
        GC.Collect();
        GC.WaitForPendingFinalizers();
        ProcessMemory.StartPeak();
        Assert.True(ProcessMemory.PeakSinceStart < high - (100 << 20), $"{ProcessMemory.PeakSinceStart} after {high}");
        Assert.True(ProcessMemory.Peak >= high);
    }

    static unsafe void Touch(int bytes)
    {
        var memory = (byte*)System.Runtime.InteropServices.NativeMemory.Alloc((nuint)bytes);
        for (var i = 0; i < bytes; i += 4096) memory[i] = 1;
        System.Runtime.InteropServices.NativeMemory.Free(memory);
    }
}
