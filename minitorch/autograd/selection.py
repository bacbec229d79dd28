"""Which part of a graph is walked, when the gradients of certain tensors are asked for."""

from __future__ import annotations


class Selection:
    """Restricts a walk to the nodes that lead to some edges, and captures what arrives there.

    Parameters
    ----------
    wanted : list of edges
    graph : iterable of Node
        All nodes below the roots.
    accumulate : bool
        Whether leaves that are reached add to their ``.grad``.
    """

    def __init__(self, wanted, graph, accumulate):
        self.captured = dict.fromkeys(wanted)
        self.accumulate = accumulate
        self.useful = self._leading_to({node for node, _ in wanted}, graph)

    @staticmethod
    def _leading_to(targets, graph):
        children = {node: [] for node in graph}
        for node in graph:
            for edge in node.parents:
                if edge:
                    children[edge[0]].append(node)
        stack = [node for node in targets if node in children]
        useful = set(stack)
        while stack:
            for child in children[stack.pop()]:
                if child not in useful:
                    useful.add(child)
                    stack.append(child)
        return useful

    def visit(self, node, grads):
        """Capture gradients; return what the node is to be run with (None: not at all)."""
        for number, grad in enumerate(grads):
            if (node, number) in self.captured:
                self.captured[node, number] = grad
        needs = tuple([bool(edge) and edge[0] in self.useful for edge in node.parents])
        leaf = not node.parents and self.accumulate and node in self.useful
        return (grads if leaf or any(needs) else None), needs
