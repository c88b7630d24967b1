namespace TorchSharp
{
    public enum Padding { Valid = 0, Same = 1 }

    public enum PaddingModes { Zeros = 0, Reflect = 1, Replicate = 2, Circular = 3, Constant = 4 }

    public enum compute_mode { use_mm_for_euclid_dist_if_necessary = 0, use_mm_for_euclid_dist = 1, donot_use_mm_for_euclid_dist = 2 }

    public static partial class torch
    {
        /// <summary>How a quotient becomes whole.</summary>
        public enum RoundingMode { None = 0, trunc = 1, floor = 2 }

        public enum InterpolationMode { Nearest = 0, Linear = 1, Bilinear = 2, Bicubic = 3, Trilinear = 4, Area = 5, NearestExact = 6 }

        public static partial class nn
        {
            /// <summary>What becomes of the losses of a batch.</summary>
            public enum Reduction : long { None = 0, Mean = 1, Sum = 2 }
        }
    }
}
