using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Hnv.Lab.Tests")]
