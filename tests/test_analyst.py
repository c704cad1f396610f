"""What an analyst sees: tables that need no JSON and no join."""

import duckdb
import pyarrow.parquet as pq
from runs import VITAL_MONITOR, run, write_lines

from transforms.schema import MEASUREMENT, OBSERVATION


def test_average_heart_rate_per_patient_and_hour_straight_from_the_files(tmp_path):
    run(VITAL_MONITOR / "messages.ndjson", tmp_path)
    found = duckdb.sql(
        f"""
        SELECT patient_identifier, date_trunc('hour', occurred_at AT TIME ZONE 'UTC'),
               avg(value), any_value(unit)
        FROM '{tmp_path}/measurement/*/*.parquet'
        WHERE code = '8867-4' AND date = '2026-03-01'
        GROUP BY ALL ORDER BY ALL
        """
    ).fetchall()
    assert [(who, str(hour), mean, unit) for who, hour, mean, unit in found] == [
        ("patient-1", "2026-03-01 07:00:00", 73.5, "/min"),
        ("patient-1", "2026-03-01 08:00:00", 89.5, "/min"),
        ("patient-2", "2026-03-01 07:00:00", 65.0, "/min"),
        ("patient-2", "2026-03-01 08:00:00", 69.5, "/min"),
    ]


def test_blood_pressure_components_are_rows_of_the_observation_table(tmp_path):
    run(VITAL_MONITOR / "messages.ndjson", tmp_path)
    found = duckdb.sql(
        f"""
        SELECT component_code, value, unit, status, reading_count
        FROM '{tmp_path}/observation/*/*.parquet'
        WHERE code = '85354-9' ORDER BY component_code
        """
    ).fetchall()
    assert found == [
        ("8462-4", 79.0, "mm[Hg]", "final", 1),
        ("8480-6", 121.0, "mm[Hg]", "final", 1),
    ]


def test_files_carry_the_meaning_of_their_columns_and_are_sorted(tmp_path):
    run(VITAL_MONITOR / "messages.ndjson", tmp_path)
    for name, schema in (("measurement", MEASUREMENT), ("observation", OBSERVATION)):
        for path in (tmp_path / name).rglob("*.parquet"):
            file = pq.ParquetFile(path)
            assert file.schema_arrow.equals(schema, check_metadata=True)
            assert file.metadata.row_group(0).column(0).compression == "ZSTD"
            assert file.metadata.row_group(0).column(0).is_stats_set
            time = "occurred_at" if name == "measurement" else "effective_start"
            keys = file.read(["patient_id", "type", time])
            order = [(column, "ascending") for column in keys.column_names]
            assert keys == keys.sort_by(order)


def test_every_column_says_what_it_means():
    for schema in (MEASUREMENT, OBSERVATION):
        for field in schema:
            assert field.metadata[b"description"], field.name
            assert field.metadata[b"source"], field.name


def test_sampled_data_is_countable_without_reading_its_grid(tmp_path):
    from runs import FLEET

    steps = [
        {
            "Body": {
                "deviceId": "watch-1",
                "patientId": "p",
                "time": f"2026-03-01T08:{minute:02}:00Z",
                "steps": count,
            }
        }
        for minute, count in ((0, 10), (1, 30), (59, 20))
    ]
    run(write_lines(tmp_path / "m.ndjson", steps), tmp_path / "out", mapping=FLEET)
    found = duckdb.sql(
        f"""
        SELECT reading_count, min, max, mean, value, value_text, effective_start,
               effective_end
        FROM '{tmp_path}/out/observation/*/*.parquet'
        """
    ).fetchall()
    ((count, least, most, mean, value, grid, start, end),) = found
    assert (count, least, most, mean, value) == (3, 10.0, 30.0, 20.0, None)
    assert grid == " ".join(["10", "30", *["E"] * 57, "20"])
    assert str(end - start) == "0:59:59.999999"
