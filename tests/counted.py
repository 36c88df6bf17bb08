"""What the rows of sums hold, beside what is counted for each subject."""

from trial.definition.study import Study
from trial.statistics.cells import Share
from trial.store import Store, reading
from trial.store.paging import SubjectRow


def check_sums(store: Store, study: Study) -> dict[int, Share | None]:
    """Return by shard what its sums lack of the shares that they count: {} where they agree.

    Whether those are up to date does not matter here. None stands where the shard was written to
    all the while.
    """

    def counted(row: SubjectRow) -> Share:
        return row.share(study.generation)

    return {
        number: reading.sum_difference(store._table, study, number, counted)[0]
        for number in range(study.definition.shards)
    }
