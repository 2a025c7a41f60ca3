using Hnv.Controller.Model;

namespace Hnv.Controller.Planning;

/// <summary>A resource that no policy can be made from, although it was accepted: its hosts keep what they have until it is put right.</summary>
internal sealed class PlanException(Node resource, Exception cause)
    : Exception($"{resource.Ref} cannot be planned: {cause.Message} Its hosts keep the policy they have. PUT it again with a right value.", cause)
{
    /// <summary>What is wrong, maybe a child.</summary>
    public Node Resource { get; } = resource;

    /// <summary>Key of the top-level resource it belongs to.</summary>
    public string RootKey => RootKeyOf(Resource.Ref);

    /// <summary>Key of the top-level resource of a reference.</summary>
    public static string RootKeyOf(string reference) => Node.KeyOf(string.Join('/', reference.Split('/').Take(3)));

    /// <summary>Plans something; what goes wrong is blamed on a resource, unless something inside has been blamed already.</summary>
    /// <exception cref="PlanException">It went wrong.</exception>
    public static T Blaming<T>(Node resource, Func<T> plan)
    {
        try
        {
            return plan();
        }
        catch (Exception e) when (e is not PlanException)
        {
            throw new PlanException(resource, e);
        }
    }
}
