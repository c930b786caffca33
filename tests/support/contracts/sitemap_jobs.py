"""Contract of all job stores about jobs of sitemaps, mixed into their tests beside that of all jobs."""

from __future__ import annotations

from dataclasses import replace

from tests.support.contracts.jobs import BAD, GOOD, LEASE, LIMITS, claim, new_job, urls
from tests.support.fakes import Clock
from tintype.jobs.model import JobStatus, JobStore, QueueState, Sitemap

SITEMAP = Sitemap(url="https://a.example/sitemap.xml", include=("/*",), max_pages=10)
READ = replace(SITEMAP, is_read=True, found=6, duplicates=1, failures=("https://a.example/gone.xml: status 404",))


class SitemapJobsContract:
    def test_sitemap_is_replaced_by_its_pages(self, store: JobStore) -> None:
        store.create(replace(new_job("one", "https://a.example/sitemap.xml"), sitemap=SITEMAP))
        lease = claim(store, replace(LIMITS, per_host=1))
        found = [*new_job("found", *urls(3), *urls(2, "b.example")).pages]
        assert store.expand(lease, found, READ)
        assert not store.expand(lease, found, READ)
        assert not store.finish(lease, GOOD)
        job = store.job("one")
        assert job
        assert (job.sitemap, job.counts.total, job.counts.queued) == (READ, 5, 5)
        assert (store.state().queued, store.queued("")) == (5, 5)
        limits = replace(LIMITS, per_host=1)
        assert [claim(store, limits).url for _ in range(2)] == ["https://a.example/1", "https://b.example/1"]
        assert store.claim(limits, LEASE) is None
        claimed = [claim(store) for _ in range(3)]
        assert sorted(each.number for each in claimed) == [2, 3, 5]
        assert [page.attempts for page in store.pages("one")] == [1] * 5

    def test_sitemap_of_a_lost_worker_is_read_again(self, store: JobStore, clock: Clock) -> None:
        store.create(replace(new_job("one"), sitemap=SITEMAP))
        lost = claim(store)
        clock.now += LEASE + 1
        again = claim(store)
        assert again.url == lost.url
        assert not store.expand(lost, new_job("found", *urls(9)).pages, READ)
        assert store.expand(again, new_job("found", *urls(2)).pages, READ)
        assert [page.url for page in store.pages("one")] == urls(2)

    def test_cancelled_sitemap_adds_no_pages(self, store: JobStore) -> None:
        store.create(replace(new_job("one"), sitemap=SITEMAP))
        lease = claim(store)
        assert store.cancel("one") == 0
        assert store.expand(lease, new_job("found", *urls(9)).pages, READ)
        job = store.job("one")
        assert job
        assert (job.status, job.counts.cancelled, job.counts.total, job.sitemap) == (JobStatus.CANCELLED, 1, 1, SITEMAP)
        assert job.ended_at
        assert store.state() == QueueState()
        assert store.retry("one") == 1
        assert store.expand(claim(store), new_job("found", *urls(9)).pages, READ)
        assert store.queued("") == 9

    def test_failed_sitemap_ends_the_job_and_is_retried(self, store: JobStore) -> None:
        store.create(replace(new_job("one"), sitemap=SITEMAP))
        assert store.finish(claim(store), BAD)
        job = store.job("one")
        assert job
        assert (job.status, job.sitemap) == (JobStatus.FAILED, SITEMAP)
        assert store.retry("one") == 1
        assert store.expand(claim(store), new_job("found", *urls(2)).pages, READ)
