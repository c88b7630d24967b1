namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>A module with functions that run before and after its forward.</summary>
        public class HookableModule<TPreHook, TPostHook> : Module
        {
            Dictionary<string, TPreHook>? preHooks;
            Dictionary<string, TPostHook>? postHooks;
            Dictionary<string, Action<Module>>? before, after;

            protected HookableModule(string name) : base(name) { }

            private protected bool HasHooks => (preHooks ?? (object?)postHooks ?? before ?? after) is not null;
            private protected TPreHook[] PreHooks => preHooks is null ? [] : [.. preHooks.Values];
            private protected TPostHook[] PostHooks => postHooks is null ? [] : [.. postHooks.Values];

            private protected void BeforeForward()
            {
                if (before is not null) foreach (var hook in before.Values.ToArray()) hook(this);
            }

            private protected void AfterForward()
            {
                if (after is not null) foreach (var hook in after.Values.ToArray()) hook(this);
            }

            public HookRemover register_forward_pre_hook(TPreHook hook) => Added(preHooks ??= [], hook);

            public HookRemover register_forward_pre_hook(Action<Module> hook) => Added(before ??= [], hook);

            public HookRemover register_forward_hook(TPostHook hook) => Added(postHooks ??= [], hook);

            public HookRemover register_forward_hook(Action<Module> hook) => Added(after ??= [], hook);

            HookRemover Added<THook>(Dictionary<string, THook> hooks, THook hook)
            {
                var key = Guid.NewGuid().ToString();
                hooks.Add(key, hook);
                return new HookRemover(this, key);
            }

            /// <summary>Takes a hook away again.</summary>
            public class HookRemover
            {
                readonly HookableModule<TPreHook, TPostHook> module;
                readonly string key;

                public HookRemover(HookableModule<TPreHook, TPostHook> module, string key)
                {
                    this.module = module;
                    this.key = key;
                }

                public void remove()
                {
                    module.preHooks?.Remove(key);
                    module.postHooks?.Remove(key);
                    module.before?.Remove(key);
                    module.after?.Remove(key);
                }
            }
        }
    }
}
