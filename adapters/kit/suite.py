"""The tests. Each begins with an empty place and a national system that behaves well, unless it says otherwise."""

import asyncio
import hashlib
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.contract import Accepted, Progress, Refused, Rejection, Reporting, RetryAfter
from adapters.kit.edge import HELD, delivered, delivered_once, hold, offered, take, taking
from adapters.kit.full_disk import full_disk
from adapters.kit.national import Behaviour, ChannelUnderTest
from adapters.kit.samples import CANARY, a_delivery, a_payload, written
from schemas.errors import CODES, Finding, Unavailable

REFUSED = Refused("FIELD_LENGTH", (Finding("/case_ref", "FIELD_LENGTH"),))
RETRY_SECONDS_MAX = 3600.0


class ChannelSuite:
    """What every channel must do. A subclass says how it is driven."""

    def under_test(self, folder: Path) -> AbstractAsyncContextManager[ChannelUnderTest]:
        """The system and the place in `folder`, for one test."""
        raise NotImplementedError

    # -- life

    async def test_says_what_it_is(self, tmp_path: Path) -> None:
        """The manifest stays the same and names files of secrets, never secrets."""
        async with self.under_test(tmp_path) as under:
            manifest = under.fresh().manifest
            assert manifest == under.fresh().manifest
            assert re.fullmatch(r"[a-z0-9-]{1,40}", manifest.id)
            assert manifest.directions
            assert manifest.deliveries_at_once >= 1
            assert not any(secret in repr(manifest) for secret in under.secrets)

    async def test_closes_at_any_time_and_connects_again(self, tmp_path: Path) -> None:
        """Before `connect`, twice, and with use in between."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.close()
            await channel.connect()
            await channel.close()
            await channel.close()
            await channel.connect()
            await channel.connect()
            assert await delivered(channel, a_delivery(tmp_path / "spool")) == Accepted()
            await channel.close()

    async def test_probe_is_content_with_what_works(self, tmp_path: Path) -> None:
        """Every check is `ok`."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            checks = await channel.probe()
            assert checks
            assert {check.state for check in checks} == {"ok"}
            await channel.close()

    async def test_probe_says_what_is_wrong(self, tmp_path: Path) -> None:
        """By a code; and `connect` does not go on as if nothing were."""
        async with self.under_test(tmp_path) as under:
            before = under.fresh()
            await before.connect()
            await before.close()
            under.spoil()
            channel = under.fresh()
            with pytest.raises(Unavailable):
                await channel.connect()
            wrong = [check for check in await channel.probe() if check.state != "ok"]
            assert wrong
            assert all(check.state in CODES for check in wrong)
            await channel.close()

    # -- in

    async def test_a_submission_reaches_the_edge_as_it_was_written(self, tmp_path: Path) -> None:
        """Payload and recipients unchanged, under a short name; the system is told that it was taken."""
        payload = a_payload(
            names=["Țurcanu", "გიორგი", "Ion\u202ereversed", "nul\x00"], formula="=1+1", count=7, no=None
        )
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            async with taking(channel) as taken:
                outcome = await under.submit("first", written(payload, ["test-mda", "test-geo"]))
            await channel.close()
            assert outcome.taken
            [submission] = taken.submissions
            assert submission.payload == payload
            assert submission.to == ("test-mda", "test-geo")
            assert 0 < len(submission.external_id) <= 200

    async def test_two_submissions_have_two_names(self, tmp_path: Path) -> None:
        """However alike they are."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            async with taking(channel) as taken:
                await under.submit("one", written(a_payload()))
                await under.submit("two", written(a_payload()))
            await channel.close()
            assert len({submission.external_id for submission in taken.submissions}) == 2

    async def test_a_refusal_is_told_by_code_and_place(self, tmp_path: Path) -> None:
        """The system hears the code and the pointer, and no value of what it sent."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            async with taking(channel, lambda _: REFUSED):
                outcome = await under.submit("refused", written(a_payload()))
            await channel.close()
            assert not outcome.taken
            assert outcome.code == REFUSED.code
            assert "/case_ref" in outcome.text
            assert CANARY not in outcome.text

    async def test_a_held_submission_counts_as_taken(self, tmp_path: Path) -> None:
        """An officer looks at it first: nothing is lost, so the system does not hand it in anew; no value is told."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            async with taking(channel, hold) as taken:
                outcome = await under.submit("held", written(a_payload()))
                assert outcome.taken
                assert CANARY not in outcome.text
            await channel.close()
            assert len({submission.external_id for submission in taken.submissions}) == 1

    async def test_progress_can_be_told_in_any_order_and_again(self, tmp_path: Path) -> None:
        """Also of a submission it has forgotten, and of a state that a later edge may add."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            if not isinstance(channel, Reporting):
                pytest.skip("this channel is told nothing")
            await channel.connect()
            for state in ("held", "held", "queued", "accepted", "refused", "held", "of-a-later-edge"):
                code = "FREETEXT_HOLD" if state == "held" else None
                findings = HELD if state == "held" else ()
                await channel.report(Progress("told.json", "id-1", state, code=code, findings=findings))  # type: ignore[arg-type]
            await channel.close()

    async def test_what_was_not_settled_is_offered_again(self, tmp_path: Path) -> None:
        """The edge dies after the outbox and before `settle`: the same name, the same content, once told."""
        async with self.under_test(tmp_path) as under:
            first = under.fresh()
            await first.connect()
            async with asyncio.TaskGroup() as group:
                told = group.create_task(under.submit("again", written(a_payload())))
                lost = await offered(first)
                second = under.fresh()
                await first.close()
                await second.connect()
                async with taking(second) as taken:
                    outcome = await told
                await second.close()
            assert outcome.taken
            assert taken.submissions
            for submission in taken.submissions:
                assert submission.external_id == lost.submission.external_id
                assert submission.payload == lost.submission.payload

    async def test_settling_twice_changes_nothing(self, tmp_path: Path) -> None:
        """The first word stands."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            async with asyncio.TaskGroup() as group:
                told = group.create_task(under.submit("twice", written(a_payload())))
                inbound = await offered(channel)
                await inbound.settle(take(inbound.submission))
                await inbound.settle(REFUSED)
                assert (await told).taken
            await channel.close()

    async def test_what_is_no_submission_is_put_aside_with_a_reason(self, tmp_path: Path) -> None:
        """It never reaches the edge as a submission, no value of it is repeated, and the next one is taken."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            assert "oversize" in under.unreadable()
            async with taking(channel) as taken:
                for name, data in under.unreadable().items():
                    outcome = await under.submit(name, data)
                    assert not outcome.taken, name
                    assert outcome.code in CODES, name
                    assert CANARY not in outcome.text, name
                assert not taken.submissions
                assert (await under.submit("fine", written(a_payload()))).taken
            await channel.close()
            assert all(finding.code in CODES for one in taken.unreadable for finding in one.findings)

    async def test_a_cancelled_receive_loses_nothing(self, tmp_path: Path) -> None:
        """Whoever asks next gets it."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            async with taking(channel):
                await asyncio.sleep(0)  # waits for a submission now
            async with taking(channel) as taken:
                assert (await under.submit("later", written(a_payload()))).taken
            assert len(taken.submissions) == 1
            await channel.close()

    async def test_drained_it_takes_nothing_and_loses_nothing(self, tmp_path: Path) -> None:
        """What was offered is settled still; what comes afterwards waits for the next start."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            async with asyncio.TaskGroup() as group:
                before = group.create_task(under.submit("before", written(a_payload())))
                inbound = await offered(channel)
                await channel.drain()
                await inbound.settle(take(inbound.submission))
                assert (await before).taken
                after = group.create_task(under.submit("after", written(a_payload())))
                async with taking(channel) as drained:
                    done, _ = await asyncio.wait({after}, timeout=0.3)
                assert not done
                assert not drained.submissions
                restarted = under.fresh()
                await channel.close()
                await restarted.connect()
                async with taking(restarted):
                    assert (await after).taken
                await restarted.close()

    # -- out

    async def test_a_delivery_arrives_whole(self, tmp_path: Path) -> None:
        """Every fact, the payload's bytes as they were sealed, each attachment, the receipt."""
        content = bytes(range(256)) * 1000
        payload = a_payload(names=["გიორგი", "Ion\u202e", "nul\x00"], formula='=HYPERLINK("x")')
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            delivery = a_delivery(tmp_path / "spool", payload=payload, files=[content, b"\xff\xd8tiny"])
            assert await delivered(channel, delivery) == Accepted()
            await channel.close()
            got = under.received(delivery.digest)
            assert got.message["payload"] == payload
            assert delivery.payload in got.raw
            assert got.message["digest"] == delivery.digest
            assert got.message["id"] == delivery.id
            assert got.message["from"] == delivery.source
            assert got.message["accepted_at"] == "2026-03-01T12:00:00Z"
            assert got.message["case_handle"] == delivery.case_handle
            assert got.message["out_of_order"] is False
            assert got.receipt == delivery.receipt
            assert {hashlib.sha256(data).hexdigest() for data in got.files.values()} == {
                file.sha256 for file in delivery.files
            }
            assert all(sha256 == hashlib.sha256(data).hexdigest() for sha256, data in got.files.items())

    async def test_delivered_again_it_is_handed_over_once(self, tmp_path: Path) -> None:
        """The same object, and a new one after a crash between the hand-over and the edge's note of it."""
        async with self.under_test(tmp_path) as under:
            delivery = a_delivery(tmp_path / "spool", files=[b"\xff\xd8image"])
            for _ in range(2):
                channel = under.fresh()
                await channel.connect()
                assert await delivered(channel, delivery) == Accepted()
                assert await delivered(channel, delivery) == Accepted()
                await channel.close()
            assert under.handed_over(delivery.digest) == 1

    async def test_two_deliveries_do_not_mix(self, tmp_path: Path) -> None:
        """Also when they run at the same time, where the channel allows that."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            two = [a_delivery(tmp_path / "spool", number, files=[b"file %d" % number]) for number in (1, 2)]
            if channel.manifest.deliveries_at_once > 1:
                async with asyncio.TaskGroup() as group:
                    for delivery in two:
                        group.create_task(delivered(channel, delivery))
            else:
                for delivery in two:
                    await delivered(channel, delivery)
            await channel.close()
            for number, delivery in enumerate(two, 1):
                assert under.handed_over(delivery.digest) == 1
                assert list(under.received(delivery.digest).files.values()) == [b"file %d" % number]

    @pytest.mark.parametrize("behaviour", ["down", "slow"])
    async def test_a_system_that_does_not_take_it_gets_it_later_once(
        self, tmp_path: Path, behaviour: Behaviour
    ) -> None:
        """`deliver` ends within its bound and asks to be called again."""
        async with self.under_test(tmp_path) as under:
            _need(under, behaviour)
            channel = under.fresh()
            await channel.connect()
            delivery = a_delivery(tmp_path / "spool")
            await under.behave(behaviour)
            answer = await delivered_once(channel, delivery)
            assert isinstance(answer, RetryAfter)
            assert 0 <= answer.seconds <= RETRY_SECONDS_MAX
            assert under.handed_over(delivery.digest) == 0
            await under.behave("well")
            assert await delivered(channel, delivery) == Accepted()
            assert under.handed_over(delivery.digest) == 1
            await channel.close()

    async def test_an_answer_that_is_lost_hands_nothing_over_twice(self, tmp_path: Path) -> None:
        """The system took it and could not say so; a new channel object is told, and the system has it once."""
        async with self.under_test(tmp_path) as under:
            _need(under, "forgetful")
            first = under.fresh()
            await first.connect()
            delivery = a_delivery(tmp_path / "spool")
            await under.behave("forgetful")
            assert isinstance(await delivered_once(first, delivery), RetryAfter)
            assert under.handed_over(delivery.digest) == 1
            second = under.fresh()
            await first.close()
            await under.behave("well")
            await second.connect()
            assert await delivered(second, delivery) == Accepted()
            assert under.handed_over(delivery.digest) == 1
            await second.close()

    async def test_a_rejection_stands(self, tmp_path: Path) -> None:
        """With a code partners know, also when it is asked for again."""
        async with self.under_test(tmp_path) as under:
            _need(under, "refusing")
            await under.behave("refusing")
            delivery = a_delivery(tmp_path / "spool")
            for _ in range(2):
                channel = under.fresh()
                await channel.connect()
                answer = await delivered(channel, delivery)
                await channel.close()
                assert isinstance(answer, Rejection)
                assert answer.code in CODES
                await under.behave("well")
            assert under.handed_over(delivery.digest) == 0

    @pytest.mark.parametrize("bytes_left", [0, 4096])
    async def test_a_full_disk_leaves_nothing_half_written(self, tmp_path: Path, bytes_left: int) -> None:
        """It is handed over once there is room, whole and once."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            delivery = a_delivery(tmp_path / "spool", payload=a_payload(filler="x" * 20_000), files=[b"i" * 20_000])
            with full_disk(bytes_left):
                answer = await delivered_once(channel, delivery)
            assert isinstance(answer, RetryAfter) or under.handed_over(delivery.digest) == 1
            assert await delivered(channel, delivery) == Accepted()
            assert under.handed_over(delivery.digest) == 1
            assert delivery.payload in under.received(delivery.digest).raw
            await channel.close()

    @pytest.mark.parametrize("year", [1999, 2099])
    async def test_the_hubs_clock_does_not_matter(self, tmp_path: Path, year: int) -> None:
        """A delivery from a past or a future is one like any other."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            delivery = a_delivery(tmp_path / "spool", accepted_at=datetime(year, 1, 1, tzinfo=UTC))
            assert await delivered(channel, delivery) == Accepted()
            await channel.close()
            assert under.received(delivery.digest).message["accepted_at"] == f"{year}-01-01T00:00:00Z"

    async def test_a_spooled_file_that_is_gone_is_no_hand_over(self, tmp_path: Path) -> None:
        """The edge writes it again."""
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            delivery = a_delivery(tmp_path / "spool", files=[b"\xff\xd8image"])
            [file] = delivery.files
            answer = await delivered_once(channel, replace(delivery, files=[replace(file, path=tmp_path / "gone")]))
            assert isinstance(answer, RetryAfter)
            assert under.handed_over(delivery.digest) == 0
            assert await delivered(channel, delivery) == Accepted()
            assert under.handed_over(delivery.digest) == 1
            await channel.close()

    # -- what must not be said

    async def test_secrets_and_values_are_nowhere(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        """Not in what is printed or logged, not in a `repr`, not in a check, not in an error; whatever goes wrong."""
        said = []
        async with self.under_test(tmp_path) as under:
            channel = under.fresh()
            await channel.connect()
            async with taking(channel, lambda _: REFUSED) as taken:
                await under.submit("refused", written(a_payload()))
                for name, data in under.unreadable().items():
                    await under.submit(name, data)
            delivery = a_delivery(tmp_path / "spool")
            for behaviour in sorted(under.behaviours - {"well", "forgetful"}):
                await under.behave(behaviour)
                said.append(repr(await delivered_once(channel, delivery)))
            said += [repr(channel), repr(channel.manifest), repr(taken.submissions), repr(taken.unreadable)]
            said += [repr(delivery), repr(await channel.probe())]
            await channel.close()
            await under.behave("well")
            under.spoil()
            broken = under.fresh()
            with pytest.raises(Unavailable) as error:
                await broken.connect()
            said += [repr(error.value), str(error.value), repr(await broken.probe()), repr(broken)]
            await broken.close()
            out = capfd.readouterr()
            text = "\n".join((*said, out.out, out.err))
            assert CANARY not in text
            assert not any(secret in text for secret in under.secrets)


def _need(under: ChannelUnderTest, behaviour: Behaviour) -> None:
    if behaviour not in under.behaviours:
        pytest.skip(f"this system cannot be made to be {behaviour}")
