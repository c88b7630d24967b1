using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Transformers.IO;

namespace Transformers.Processes;

/// <summary>Watches that the other processes are alive: each keeps a connection to the first one and sends a heartbeat every second.</summary>
/// <remarks>
/// A process that dies closes its connection, which is noticed immediately. One that is suspended, or whose machine has failed, sends
/// nothing: after <see cref="Limit"/> it counts as failed. The heartbeats come from a separate thread, so a long save, validation or
/// preparation of data does not count as silence. MPI itself would wait forever.
/// </remarks>
public sealed class ProcessMonitor : IDisposable
{
    /// <summary>Sets <see cref="Limit"/>, in seconds.</summary>
    public const string LimitVariable = "TRANSFORMER_SILENCE";

    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    readonly Communicator processes;
    readonly List<Peer> peers = [];
    readonly TcpListener? listener;
    readonly Lock guard = new();
    readonly Thread sender;
    readonly ManualResetEventSlim end = new();
    ProcessFailedException? failure;

    /// <summary>Connects every process to the first one; collective.</summary>
    /// <param name="processes">All processes.</param>
    /// <param name="limit">The <see cref="Limit"/>; all use the first process's, since a launcher may not have passed the environment
    /// on.</param>
    /// <param name="onFailure">Called once, on one of the monitor's threads, when another process has failed.</param>
    public ProcessMonitor(Communicator processes, TimeSpan limit, Action<ProcessFailedException> onFailure)
    {
        this.processes = processes;
        OnFailure = onFailure;
        if (processes.IsFirst)
        {
            listener = new TcpListener(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
            if (Socket.OSSupportsIPv6) listener.Server.DualMode = true;
            listener.Start();
        }
        var meeting = processes.Broadcast(processes.IsFirst ? new Rendezvous([.. Addresses()], ((IPEndPoint)listener!.LocalEndpoint).Port, Guid.NewGuid().ToString("N"), limit) : null!);
        Limit = meeting.Limit;
        var all = processes.Collect(new Hello(processes.Rank, Environment.ProcessId, Environment.MachineName));
        if (processes.IsFirst) Accept(meeting, all);
        else peers.Add(Connect(meeting, all[0]));
        foreach (var peer in peers) new Thread(() => Listen(peer)) { IsBackground = true, Name = "process monitor" }.Start();
        sender = new Thread(Watch) { IsBackground = true, Name = "process monitor" };
        sender.Start();
    }

    /// <summary>The silence after which a process counts as failed.</summary>
    public TimeSpan Limit { get; }

    /// <summary>The failure of another process; null while all are alive.</summary>
    public ProcessFailedException? Failure { get { lock (guard) return failure; } }

    Action<ProcessFailedException> OnFailure { get; }

    /// <summary>The limit that this process's environment sets.</summary>
    /// <exception cref="UserException">TRANSFORMER_SILENCE is not a number of seconds.</exception>
    public static TimeSpan ReadLimit() => Environment.GetEnvironmentVariable(LimitVariable) is not { Length: > 0 } text ? TimeSpan.FromSeconds(60)
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 3 and <= 86400 ? TimeSpan.FromSeconds(seconds)
        : throw new UserException($"{LimitVariable} ({text}) must be a whole number of seconds from 3 to 86400", "set it, or unset it for 60");

    // All addresses of this machine, since it does not know which of them the others can reach.
    static IEnumerable<string> Addresses() => NetworkInterface.GetAllNetworkInterfaces().Where(card => card.OperationalStatus == OperationalStatus.Up || card.NetworkInterfaceType == NetworkInterfaceType.Loopback)
        .SelectMany(card => card.GetIPProperties().UnicastAddresses).Select(unicast => unicast.Address).Where(address => !address.IsIPv6LinkLocal)
        .Select(address => address.ToString()).Order(StringComparer.Ordinal).OrderBy(address => IPAddress.IsLoopback(IPAddress.Parse(address)) ? 1 : 0).Append("127.0.0.1").Distinct();

    // Other programs that happen to connect do not know the password, and are dropped.
    void Accept(Rendezvous meeting, Hello[] all)
    {
        while (peers.Count < processes.Size - 1)
        {
            var peer = new Peer(listener!.AcceptTcpClient());
            if (peer.Ask() is { } line && line.Split(' ') is [var password, var rank] && password == meeting.Password)
            {
                peer.Send(meeting.Password);
                peer.Who = all[int.Parse(rank, CultureInfo.InvariantCulture)];
                peers.Add(peer);
            }
            else peer.Close();
        }
        listener!.Stop();
    }

    // The first process's loopback address is tried last: on another machine it is a different computer.
    Peer Connect(Rendezvous meeting, Hello first)
    {
        foreach (var address in meeting.Addresses.Select(IPAddress.Parse))
        {
            var client = new TcpClient(address.AddressFamily);
            try
            {
                if (client.ConnectAsync(address, meeting.Port).Wait(TimeSpan.FromSeconds(3)))
                {
                    var peer = new Peer(client) { Who = first };
                    peer.Send(string.Create(CultureInfo.InvariantCulture, $"{meeting.Password} {processes.Rank}"));
                    if (peer.Ask() == meeting.Password) return peer;
                }
            }
            catch (AggregateException exception) when (exception.InnerException is SocketException)
            {
                // Another address may work.
            }
            client.Dispose();
        }
        throw new ProcessFailedException($"process {processes.Rank} on {Environment.MachineName} does not reach process 0 at {string.Join(", ", meeting.Addresses)}, port {meeting.Port}");
    }

    void Listen(Peer peer)
    {
        try
        {
            while (peer.ReadLine() is { } line)
            {
                peer.Heard();
                if (line == Peer.Goodbye)
                {
                    peer.Left = true;
                    return;
                }
                if (line.StartsWith(Peer.Stopped, StringComparison.Ordinal)) Fail($"process {peer.Who} was stopped before the first step", noticed: false, line[Peer.Stopped.Length..]);
                else if (line != Peer.Alive) Fail(line, noticed: false);
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The connection is lost.
        }
        if (!end.IsSet) Fail($"process {peer.Who} has ended without a message");
    }

    void Watch()
    {
        while (!end.Wait(Pause))
        {
            foreach (var peer in peers) peer.Send(Peer.Alive);
            if (peers.FirstOrDefault(peer => !peer.Left && peer.Silence > Limit) is { } silent)
                Fail($"process {silent.Who} has not answered for {Limit.TotalSeconds:0} s: it is suspended, or its machine or network has failed");
        }
    }

    void Fail(string what, bool noticed = true, string? stopped = null)
    {
        ProcessFailedException found;
        lock (guard)
        {
            if (failure is not null || end.IsSet) return;
            found = failure = new ProcessFailedException(what, noticed, stopped);
        }
        foreach (var peer in peers) peer.Send(stopped is null ? what : Peer.Stopped + stopped);
        OnFailure(found);
    }

    /// <summary>Reports to the others why this process is about to end.</summary>
    /// <param name="why">What went wrong here.</param>
    public void Report(string why)
    {
        lock (guard)
        {
            if (failure is not null) return;
            failure = new ProcessFailedException(why);
        }
        foreach (var peer in peers) peer.Send($"process {new Hello(processes.Rank, Environment.ProcessId, Environment.MachineName)} has ended: {why.ReplaceLineEndings(" ")}");
    }

    /// <summary>Lets the others know that a signal stops this process before all could agree to stop: it has not failed, and they stop too.</summary>
    /// <param name="reason">The signal, such as <c>sigterm</c>.</param>
    public void ReportStop(string reason)
    {
        lock (guard)
        {
            if (failure is not null) return;
            failure = new ProcessFailedException("this process was stopped before the first step", stopped: reason);
        }
        foreach (var peer in peers) peer.Send(Peer.Stopped + reason);
    }

    /// <summary>Stops watching; this process is about to end normally.</summary>
    public void Dispose()
    {
        if (end.IsSet) return;
        foreach (var peer in peers) peer.Send(Peer.Goodbye);
        end.Set();
        sender.Join();
    }

    sealed record Rendezvous(IReadOnlyList<string> Addresses, int Port, string Password, TimeSpan Limit);

    sealed record Hello(int Rank, int Pid, string Machine)
    {
        public override string ToString() => $"{Rank} (pid {Pid} on {Machine})";
    }

    sealed class Peer(TcpClient client)
    {
        internal const string Alive = "alive", Goodbye = "goodbye", Stopped = "stopped ";

        readonly StreamReader reader = new(client.GetStream());
        readonly Lock writing = new();
        long heard = Stopwatch.GetTimestamp();

        internal Hello Who { get; set; } = null!;
        internal volatile bool Left;
        internal TimeSpan Silence => Stopwatch.GetElapsedTime(Interlocked.Read(ref heard));

        internal void Heard() => Interlocked.Exchange(ref heard, Stopwatch.GetTimestamp());

        internal string? ReadLine() => reader.ReadLine();

        /// <summary>Reads a line with a timeout; null if none comes.</summary>
        internal string? Ask()
        {
            client.ReceiveTimeout = 3000;
            try
            {
                return reader.ReadLine();
            }
            catch (IOException)
            {
                return null;
            }
            finally
            {
                client.ReceiveTimeout = 0;
            }
        }

        internal void Close() => client.Dispose();

        internal void Send(string line)
        {
            try
            {
                lock (writing) client.GetStream().Write(System.Text.Encoding.UTF8.GetBytes(line + "\n"));
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
            {
                // The thread that reads this connection notices that too.
            }
        }
    }
}
