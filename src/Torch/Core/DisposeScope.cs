using System.Runtime.CompilerServices;

namespace TorchSharp;

/// <summary>Disposes, when it ends, of every tensor that was made while it was the innermost scope of its thread.</summary>
public sealed class DisposeScope : IDisposable
{
    readonly DisposeScopeManager manager;
    readonly HashSet<IDisposable> members = new(ReferenceComparer.Instance);
    bool disposed;

    internal DisposeScope(DisposeScopeManager manager, DisposeScope? outer)
    {
        this.manager = manager;
        OuterScope = outer;
    }

    internal DisposeScope? OuterScope { get; }

    public IReadOnlyList<IDisposable> DisposablesView => [.. members];

    public int DisposablesCount => members.Count;

    public bool Contains(IDisposable disposable) => members.Contains(disposable);

    public T MoveToOuter<T>(T disposable) where T : IDisposable
    {
        Move(disposable, OuterScope);
        return disposable;
    }

    public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second));

    public (T1 first, T2 second, T3 third) MoveToOuter<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second), MoveToOuter(third));

    public void MoveToOuter(params IDisposable[] disposables) => MoveToOuter((IEnumerable<IDisposable>)disposables);

    public void MoveToOuter(IEnumerable<IDisposable> disposables)
    {
        foreach (var disposable in disposables) Move(disposable, OuterScope);
    }

    public T MoveToOther<T>(DisposeScope scope, T disposable) where T : IDisposable
    {
        Move(disposable, scope);
        return disposable;
    }

    public void MoveToOther(DisposeScope scope, params IDisposable[] disposables) => MoveToOther(scope, (IEnumerable<IDisposable>)disposables);

    public void MoveToOther(DisposeScope scope, IEnumerable<IDisposable> disposables)
    {
        foreach (var disposable in disposables) Move(disposable, scope);
    }

    public T Detach<T>(T disposable) where T : IDisposable
    {
        Move(disposable, null);
        return disposable;
    }

    public (T1 first, T2 second) Detach<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (Detach(first), Detach(second));

    public void Detach(params IDisposable[] disposables) => Detach((IEnumerable<IDisposable>)disposables);

    public void Detach(IEnumerable<IDisposable> disposables)
    {
        foreach (var disposable in disposables) Move(disposable, null);
    }

    public void Attach(IDisposable disposable) => Move(disposable, this);

    public void Attach(params IDisposable[] disposables) => Attach((IEnumerable<IDisposable>)disposables);

    public IReadOnlyList<IDisposable> Attach(IEnumerable<IDisposable> disposables)
    {
        IDisposable[] all = [.. disposables];
        foreach (var disposable in all) Move(disposable, this);
        return all;
    }

    public void DisposeEverything() => DisposeEverythingBut([]);

    public T DisposeEverythingBut<T>(T keep) where T : IDisposable
    {
        DisposeEverythingBut([keep]);
        return keep;
    }

    public void DisposeEverythingBut(params IDisposable[] keep) => DisposeEverythingBut((IEnumerable<IDisposable>)keep);

    public void DisposeEverythingBut(IEnumerable<IDisposable> inKeep)
    {
        var keep = new HashSet<IDisposable>(inKeep, ReferenceComparer.Instance);
        IDisposable[] all = [.. members];
        members.RemoveWhere(member => !keep.Contains(member));
        foreach (var member in all)
        {
            if (keep.Contains(member)) continue;
            if (member is torch.Tensor tensor) tensor.scope = null;
            member.Dispose();
        }
    }

    public void MarkAsDisposed(IDisposable disposable)
    {
        members.Remove(disposable);
        if (disposable is torch.Tensor tensor) tensor.scope = null;
    }

    /// <summary>Disposes of the members and leaves the scope, and any that were opened inside and never closed.</summary>
    public void Dispose()
    {
        if (disposed) return;
        disposed = true;
        foreach (var member in members)
        {
            if (member is torch.Tensor tensor) tensor.scope = null;
            member.Dispose();
        }
        members.Clear();
        manager.Leave(this);
    }

    internal void Include(IDisposable disposable) => members.Add(disposable);

    internal void Forget(IDisposable disposable) => members.Remove(disposable);

    static void Move(IDisposable disposable, DisposeScope? scope)
    {
        switch (disposable)
        {
            case torch.Tensor tensor:
                tensor.scope?.Forget(tensor);
                tensor.scope = scope;
                scope?.Include(tensor);
                break;
            case null: break;
            default:
                // Only tensors are put into scopes by the library; anything else is the caller's to attach.
                for (var current = DisposeScopeManager.Current; current is not null; current = current.OuterScope) current.Forget(disposable);
                scope?.Include(disposable);
                break;
        }
    }

    sealed class ReferenceComparer : IEqualityComparer<IDisposable>
    {
        internal static readonly ReferenceComparer Instance = new();
        public bool Equals(IDisposable? left, IDisposable? right) => ReferenceEquals(left, right);
        public int GetHashCode(IDisposable item) => RuntimeHelpers.GetHashCode(item);
    }
}

/// <summary>The stack of scopes of one thread.</summary>
public class DisposeScopeManager
{
    [ThreadStatic] static DisposeScopeManager? ofThread;

    DisposeScope? innermost;

    internal static DisposeScope? Current => ofThread?.innermost;

    internal static DisposeScope Open()
    {
        var manager = ofThread ??= new DisposeScopeManager();
        return manager.innermost = new DisposeScope(manager, manager.innermost);
    }

    internal void Leave(DisposeScope scope)
    {
        // A scope that ends takes with it those that were opened inside it and forgotten.
        for (var inner = innermost; inner is not null; inner = inner.OuterScope)
            if (ReferenceEquals(inner, scope))
            {
                innermost = scope.OuterScope;
                return;
            }
    }
}
