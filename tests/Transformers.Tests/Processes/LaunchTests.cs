namespace Transformers.Tests.Processes;

public sealed class LaunchTests
{
    static Launch? Read(params (string Name, string Value)[] environment) => Launch.Read(name => environment.FirstOrDefault(one => one.Name == name).Value);

    [Fact]
    public void Open_MPIs_variables_are_read()
    {
        var launch = Read(("OMPI_COMM_WORLD_SIZE", "4"), ("OMPI_COMM_WORLD_RANK", "3"), ("OMPI_COMM_WORLD_LOCAL_RANK", "1"), ("OMPI_COMM_WORLD_LOCAL_SIZE", "2"))!;
        Assert.Equal((3, 4, 1, 2), (launch.Rank, launch.Size, launch.LocalRank, launch.LocalSize));
        Assert.StartsWith("libmpi.so.40", launch.Libraries[0]);
    }

    [Fact]
    public void Hydras_variables_are_read()
    {
        var launch = Read(("PMI_SIZE", "2"), ("PMI_RANK", "1"), ("MPI_LOCALRANKID", "1"), ("MPI_LOCALNRANKS", "2"))!;
        Assert.Equal((1, 2, 1, 2), (launch.Rank, launch.Size, launch.LocalRank, launch.LocalSize));
        Assert.Equal("libmpich.so.12", launch.Libraries[0]);
    }

    [Fact]
    public void Sruns_variables_are_read()
    {
        var launch = Read(("SLURM_STEP_ID", "0"), ("SLURM_STEP_NUM_TASKS", "8"), ("SLURM_PROCID", "5"), ("SLURM_LOCALID", "1"))!;
        Assert.Equal((5, 8, 1), (launch.Rank, launch.Size, launch.LocalRank));
        Assert.Contains("libmpich.so.12", launch.Libraries);
    }

    [Fact]
    public void A_batch_script_that_runs_the_program_once_is_no_launcher() => Assert.Null(Read(("SLURM_NTASKS", "8"), ("SLURM_PROCID", "0"), ("SLURM_LOCALID", "0")));

    [Fact]
    public void One_process_needs_no_MPI() => Assert.Null(Read(("OMPI_COMM_WORLD_SIZE", "1"), ("OMPI_COMM_WORLD_RANK", "0")));

    [Fact]
    public void Without_variables_there_is_no_launcher() => Assert.Null(Read());
}
