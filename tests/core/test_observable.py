from peerdeck.core.observable import Observable


def test_equal_value_is_not_announced():
    heard: list[int] = []
    observable = Observable(1)
    observable.subscribe(heard.append)
    observable.publish(1)
    observable.publish(2)
    assert heard == [2]


def test_subscriber_may_leave_while_it_is_called():
    observable = Observable(0)
    heard: list[str] = []

    def once(value: int) -> None:
        heard.append(f"once {value}")
        leave()

    leave = observable.subscribe(once)
    observable.subscribe(lambda value: heard.append(f"always {value}"))
    observable.publish(1)
    observable.publish(2)
    assert heard == ["once 1", "always 1", "always 2"]


def test_leaving_twice_is_fine_and_leaves_others_alone():
    observable = Observable(0)
    leave = observable.subscribe(lambda value: None)
    observable.subscribe(lambda value: None)
    leave()
    leave()
    assert observable.subscribers == 1
