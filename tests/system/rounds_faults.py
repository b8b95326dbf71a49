# SPDX-License-Identifier: Apache-2.0
"""What befalls a cluster in a round: chosen by a random number generator, begun, and ended again.

    fault = choose(rng, scene)     # nothing has happened yet; str(fault) tells it
    fault.begin(); …; fault.end()

A scene knows the cluster: who leads, who follows, who judges. Without a network there are only faults of processes.
"""
import redis
from namespaces import TEST

LEADER, FOLLOWER, JUDGE, ANY = "leader", "follower", "judge", "any"


class Fault:
    kills = False  # A process, which so forgets what it has not on its disk.

    def __init__(self, name, begin, end):
        self.name, self.begin, self.end = name, begin, end

    def __str__(self):
        return self.name


def choose(rng, scene):
    kinds = [_kill, _stop]
    if scene.network is not None:
        kinds = 2 * [*kinds, _isolate, _one_way] + [_minority, _one_link, _narrow, _flap, _lose]
    kinds += [_hand_over, _two] if scene.many else []
    kinds += [_power] if scene.keeps_all else []
    return rng.choice(kinds)(rng, scene)


def _who(rng, scene):
    """(node, in words)"""
    part = rng.choice([LEADER, LEADER, FOLLOWER, JUDGE, ANY])
    node = {LEADER: scene.leaders, FOLLOWER: scene.followers, JUDGE: scene.judges, ANY: lambda: scene.nodes}[part]()
    chosen = rng.choice(node)
    return chosen, f"{part} {scene.number(chosen)}"


def _kill(rng, scene):
    node, name = _who(rng, scene)
    fault = Fault(f"kill {name}", node.kill, node.spawn)
    fault.kills = True
    return fault


def _stop(rng, scene):
    node, name = _who(rng, scene)
    return Fault(f"stop {name}", node.pause, node.resume)


def _power(_, scene):
    def begin():
        for node in scene.nodes:
            node.process.kill()
        for node in scene.nodes:
            node.process.wait()
    fault = Fault("power fails", begin, lambda: [node.spawn() for node in scene.nodes])
    fault.kills = True
    return fault


def _hand_over(rng, scene):
    """By hand, three times."""
    words = rng.choice([("CLUSTER", "FAILOVER"), ("CLUSTER", "FAILOVER", "FORCE")])
    choices = [rng.random() for _ in range(3)]

    def begin():
        for choice in choices:
            followers = scene.followers()
            follower = followers[int(choice * len(followers))]
            try:
                with follower.client() as client:
                    client.execute_command(*words)
            except redis.ResponseError:
                pass  # It is none any more, or another failover is under way.
            scene.wait(choice)
    return Fault(" ".join(words), begin, lambda: None)


def _two(rng, scene):
    """Two nodes that do not share a group are killed, stopped or cut off, one after the other."""
    leaders = scene.leaders()
    first, second = rng.sample(leaders, 2)
    kinds = [(node.kill, node.spawn, "kill") for node in (first, second)]
    stop = rng.random() < 0.5
    if stop:
        kinds[1] = (second.pause, second.resume, "stop")
    gap = rng.uniform(0, 2)

    def begin():
        kinds[0][0]()
        scene.wait(gap)
        kinds[1][0]()
    fault = Fault(f"kill {scene.number(first)}, {gap:.1f} s later {kinds[1][2]} {scene.number(second)}", begin,
                  lambda: [kind[1]() for kind in kinds])
    fault.kills = True
    return fault


def _others(scene, nodes):
    places = {node.place for node in nodes}
    return [node.place for node in scene.nodes if node.place not in places]


def _with_clients(rng, places):
    """Whether the test's own clients are cut off from it, too."""
    return rng.choice([(places, "clients reach it"), ([*places, TEST], "clients cut off, too")])


def _isolate(rng, scene):
    node, name = _who(rng, scene)
    others, words = _with_clients(rng, _others(scene, [node]))
    return Fault(f"isolate {name}, {words}", lambda: scene.network.part([node.place], others), scene.network.heal)


def _minority(rng, scene):
    """As many as can be spared: those who keep the topology need a majority."""
    side = rng.sample(scene.nodes, (len(scene.nodes) - 1) // 2)
    others, words = _with_clients(rng, _others(scene, side))
    places = [node.place for node in side]
    return Fault(f"part {sorted(places)} from the others, {words}",
                 lambda: scene.network.part(places, others), scene.network.heal)


def _one_way(rng, scene):
    node, name = _who(rng, scene)
    others, words = _with_clients(rng, _others(scene, [node]))
    if rng.random() < 0.5:
        return Fault(f"{name} hears nothing, {words}",
                     lambda: scene.network.cut(others, [node.place]), scene.network.heal)
    return Fault(f"{name} is not heard, {words}",
                 lambda: scene.network.cut([node.place], others), scene.network.heal)


def _one_link(rng, scene):
    """Both are heard by everybody else."""
    (one, name), other = _who(rng, scene), rng.choice(scene.nodes)
    while other is one:
        other = rng.choice(scene.nodes)
    both = rng.random() < 0.5

    def begin():
        scene.network.cut([one.place], [other.place])
        if both:
            scene.network.cut([other.place], [one.place])
    return Fault(f"link from {name} {'and back from' if both else 'to'} {scene.number(other)} cut",
                 begin, scene.network.heal)


def _lose(rng, scene):
    if not scene.network.can_lose:
        return _narrow(rng, scene)
    percent = rng.choice([10, 20, 30])
    if rng.random() < 0.5:
        node, name = _who(rng, scene)
        return Fault(f"{percent} % of the packets of {name} lost",
                     lambda: scene.network.lose([node.place], percent), scene.network.heal)
    places = [node.place for node in scene.nodes]
    return Fault(f"{percent} % of all packets lost", lambda: scene.network.lose(places, percent), scene.network.heal)


def _narrow(rng, scene):
    node, name = _who(rng, scene)
    kbits, queue_ms = rng.choice([200, 500, 2000]), rng.choice([100, 400, 1000])
    return Fault(f"{name} behind {kbits} kbit/s and a queue of {queue_ms} ms",
                 lambda: scene.network.narrow(node.place, kbits, queue_ms), scene.network.heal)


def _flap(rng, scene):
    """Cut and healed again and again, for shorter than a node timeout and longer."""
    node, name = _who(rng, scene)
    others = _others(scene, [node])
    turns = [(rng.uniform(0.1, 2), rng.uniform(0.05, 0.7)) for _ in range(3)]

    def begin():
        for cut, healed in turns:
            scene.network.part([node.place], others)
            scene.wait(cut)
            scene.network.heal()
            scene.wait(healed)
        scene.network.part([node.place], others)
    return Fault(f"isolate {name} {len(turns) + 1} times", begin, scene.network.heal)
