namespace TransformerCli.Tests;

/// <summary>Tests that compute with libtorch run one at a time: its random generator and its threads are the process's.</summary>
[CollectionDefinition("engine", DisableParallelization = true)]
public class EngineCollection;
