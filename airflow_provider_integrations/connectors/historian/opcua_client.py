"""Reads history of a server: the conversation of `opcua`, driven over a session; several tags side by side.

async with open_opcua(settings) as reader:
    async for page in reader.read([Tag("level", "ns=2;i=3")], span):
        ...
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors._base import UaError

from airflow_provider_integrations.connectors.historian.model import Page, Span, Tag, unread
from airflow_provider_integrations.connectors.historian.opcua import read_history
from airflow_provider_integrations.connectors.historian.opcua_failures import connecting_failed
from airflow_provider_integrations.connectors.historian.opcua_model import (
    Answer,
    Asked,
    Conversation,
    Fault,
    Limits,
    Reading,
    Receive,
    Release,
    Request,
    Response,
)
from airflow_provider_integrations.connectors.historian.opcua_nodes import find_history, page_maker
from airflow_provider_integrations.connectors.historian.opcua_session import OpcUaSession
from airflow_provider_integrations.connectors.historian.opcua_settings import OpcUaSettings
from airflow_provider_integrations.connectors.historian.opcua_values import PageMaker
from airflow_provider_integrations.connectors.historian.opcua_variables import Variable
from airflow_provider_integrations.connectors.historian.opcua_wire import standard_node
from airflow_provider_integrations.core.errors import ConfigError, IntegrationError, TransientError

__all__ = ["OpcUaReader", "find_tags", "open_opcua", "probe"]

_EVER = Span(0, 4_102_444_800_000_000_000)  # To the year 2100.
_PATIENCE = 5.0  # Seconds for an answer that nobody waits for but its continuation point.


@asynccontextmanager
async def open_opcua(
    settings: OpcUaSettings, reading: Reading | None = None, limits: Limits | None = None
) -> AsyncGenerator[OpcUaReader, None]:
    """A reader whose session ends with the block; it is opened at the first read.

    Args:
        settings: The server, and who reads it.
        reading: Which history; values as they are, without it.
        limits: How much at once; the settings' page, without it.
    """
    session = OpcUaSession(settings)
    try:
        yield OpcUaReader(session, reading or Reading(), limits or Limits(page=settings.page), settings.tags_at_once)
    finally:
        await session.close()


async def find_tags(settings: OpcUaSettings, patterns: Sequence[str]) -> list[Tag]:
    """Variables that keep history, by patterns of their browse path, e.g. `Plant/Unit*/Level`, or by NodeId.

    Raises:
        ConfigError: a pattern matches nothing, or the server refuses this client.
        ConnectionLostError: no server answers.
    """
    session = OpcUaSession(settings)
    try:
        return await find_history(await session.client(), patterns)
    except (UaError, OSError, TimeoutError) as error:
        raise connecting_failed(error, settings.url) from None
    finally:
        await session.close()


async def probe(settings: OpcUaSettings) -> str:
    """Open a session and say whose it is, for the test of a connection.

    Raises:
        IntegrationError: there is none.
    """
    session = OpcUaSession(settings)
    try:
        client = await session.client()
        build = await client.get_node(standard_node(ObjectIds.Server_ServerStatus_BuildInfo)).read_value()
        product = " ".join(str(each) for each in (build.ProductName, build.SoftwareVersion) if each)
        return f"A session with {settings.url}{f' ({product})' if product else ''}, security {settings.policy}."
    except (UaError, OSError, TimeoutError) as error:
        raise connecting_failed(error, settings.url) from None
    finally:
        await session.close()


class OpcUaReader:
    """Reads history over one session.

    Args:
        session: The session.
        reading: Which history.
        limits: How much at once.
        tags_at_once: How many tags side by side; one, once the server runs out of continuation points.
    """

    def __init__(self, session: OpcUaSession, reading: Reading, limits: Limits, tags_at_once: int = 4) -> None:
        self._session, self._reading, self._limits, self._tags_at_once = session, reading, limits, tags_at_once
        self._makers: dict[str, PageMaker] = {}
        self._variables: dict[str, Variable] = {}

    async def read(self, tags: Sequence[Tag], span: Span) -> AsyncIterator[Page]:
        """Pages of each tag in the order of time; those of several tags come as they are ready.

        Raises:
            WindowTooLargeError: the server does not give so much at once; half of it may work.
            IntegrationError: some of it is unread, see `error.values`.
        """
        await self._look(tags, span)
        if len(tags) == 1:
            async with contextlib.aclosing(self._read_tag(tags[0], span)) as pages:
                async for page in pages:
                    yield page
            return
        left, queue = iter(tags), asyncio.Queue[Page | BaseException | None](self._tags_at_once * 2)
        count = min(self._tags_at_once, len(tags))
        workers = [asyncio.create_task(self._work(at, left, span, queue)) for at in range(count)]
        try:
            while count:
                found = await queue.get()
                if isinstance(found, BaseException):
                    raise found
                if found is None:
                    count -= 1
                else:
                    yield found
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(
        self, number: int, left: Iterator[Tag], span: Span, queue: asyncio.Queue[Page | BaseException | None]
    ) -> None:
        try:
            # All but the first leave when the server has too few points for all of them.
            while (number == 0 or not self._session.crowded) and (tag := next(left, None)) is not None:
                async with contextlib.aclosing(self._read_tag(tag, span)) as pages:
                    async for page in pages:
                        await queue.put(page)
        except Exception as error:
            await queue.put(error)
        else:
            await queue.put(None)

    async def _look(self, tags: Sequence[Tag], span: Span) -> None:
        """Ask the server for the nodes, once for each; what speaks against one is said when it is read."""
        fresh = [tag for tag in tags if tag.address not in self._variables]
        if not fresh:
            return
        try:
            found = await self._session.variables([tag.address for tag in fresh])
        except IntegrationError as error:
            raise unread(
                type(error), error.what, fresh[0].name, span, next_step=error.next_step, **error.values
            ) from None
        self._variables |= {tag.address: each for tag, each in zip(fresh, found, strict=True)}

    async def _read_tag(self, tag: Tag, span: Span) -> AsyncGenerator[Page, None]:
        variable = self._variables[tag.address]
        if (refused := variable.refused) is not None:
            del self._variables[tag.address]  # It may be there later.
            raise unread(type(refused), refused.what, tag.name, span, next_step=refused.next_step, **refused.values)
        maker = self._makers.get(tag.address)
        if maker is None:
            maker = self._makers[tag.address] = await self._maker(tag)
        conversation, empty = read_history(tag, span, self._reading, self._limits, maker), True
        async with contextlib.aclosing(self._drive(conversation)) as pages:
            async for page in pages:
                empty &= not page.samples.num_rows
                if empty and page.read_to == span.end and not variable.keeps_history:
                    await self._check_kept(tag, span)
                yield page

    async def _check_kept(self, tag: Tag, span: Span) -> None:
        """Believe an empty window of a node that says it keeps no history only where there is some at another time."""
        request = Request(tag.address, _EVER, Reading(), 1)
        answer = await self._session.ask(request)
        if isinstance(answer, Fault):
            error = answer.error or TransientError(
                "the server does not say whether it has history", next_step="Try again."
            )
            raise unread(type(error), error.what, tag.name, span, next_step=error.next_step, **error.values)
        if answer.point:
            await self._session.release(Release(tag.address, replace(request, point=answer.point)))
        if not answer.point and not len(answer.values()):
            raise unread(
                ConfigError, "the server says that it keeps no history of this node for this user, and gives none", tag.name,
                span, next_step="Check the NodeId, and the bit HistoryRead of its AccessLevel and UserAccessLevel.",
            )  # fmt: skip
        self._variables[tag.address] = Variable()

    async def _maker(self, tag: Tag) -> PageMaker:
        """The names of its states; where they cannot be had, reading its history says why."""
        try:
            return await page_maker(await self._session.client(), await self._session.node(tag.address))
        except Exception:
            return PageMaker()

    async def _drive(self, conversation: Conversation) -> AsyncGenerator[Page, None]:
        asked: asyncio.Task[Response | Fault] | None = None
        request: Request | None = None
        answer: Response | Fault | None = None
        try:
            while True:
                try:
                    step = conversation.send(answer)
                except StopIteration:
                    return
                answer = None
                if isinstance(step, Asked):
                    request, asked = step.request, asyncio.create_task(self._session.ask(step.request))
                    await asyncio.sleep(0)  # It goes out before the page at hand is read.
                elif isinstance(step, Receive):
                    assert asked is not None, "what is received was asked for"
                    answer = await asked
                    asked = None
                elif isinstance(step, Release):
                    await self._session.release(step)
                else:
                    yield step
        finally:
            conversation.close()
            if asked is not None and request is not None:
                await self._give_back(asked, request)

    async def _give_back(self, asked: asyncio.Task[Response | Fault], request: Request) -> None:
        """The answer that is on its way has a continuation point, of which a server has few."""
        try:
            answer = await asyncio.wait_for(asked, _PATIENCE)
        except (Exception, asyncio.CancelledError):
            return
        if not isinstance(answer, Fault | Answer) and answer.point:
            given = Request(request.address, request.span, request.reading, request.page, answer.point)
            await self._session.release(Release(request.address, given))
