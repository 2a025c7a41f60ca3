using System.Collections;
using System.Reflection;
using System.Text;

namespace Hnv.Southbound.Tests;

/// <summary>Policy as text, every part of it, so that two policies can be compared by value and a difference can be read.</summary>
internal static class PolicyText
{
    public static string Of(object? value)
    {
        StringBuilder text = new();
        Append(text, value, 0);
        return text.ToString();
    }

    private static void Append(StringBuilder text, object? value, int depth)
    {
        if (value is IEnumerable list and not string)
        {
            foreach (object item in list)
            {
                text.AppendLine().Append(' ', depth * 2).Append("- ");
                Append(text, item, depth + 1);
            }
        }
        else if (value is not null && value.GetType() is { Namespace: "Hnv.Policy", IsClass: true } type)
        {
            foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            {
                text.AppendLine().Append(' ', depth * 2).Append(property.Name).Append(": ");
                Append(text, property.GetValue(value), depth + 1);
            }
        }
        else
        {
            text.Append(value ?? "none");
        }
    }
}
