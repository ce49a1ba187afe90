import { Field } from "../../parts/Field.js";
import { WEEKDAYS, type ScheduleFields } from "./schedules.js";

type Props = { value: ScheduleFields; onChange: (value: ScheduleFields) => void };

const DAYS = [...Array.from({ length: 31 }, (_, index) => String(index + 1)), "last"];

export function ScheduleInput({ value, onChange }: Props) {
  const set = (name: keyof ScheduleFields) => (event: { target: { value: string } }) =>
    onChange({ ...value, [name]: event.target.value });
  return (
    <>
      <Field label="Repeats">
        <select value={value.kind} onChange={set("kind")}>
          <option value="daily">every day</option>
          <option value="weekly">every week</option>
          <option value="monthly">every month</option>
          <option value="manual">only by hand</option>
        </select>
      </Field>
      {value.kind === "weekly" && (
        <Field label="Day">
          <select value={value.weekday} onChange={set("weekday")}>
            {WEEKDAYS.map((day, index) => (
              <option key={day} value={String(index + 1)}>
                {day}
              </option>
            ))}
          </select>
        </Field>
      )}
      {value.kind === "monthly" && (
        <Field label="Day of the month">
          <select value={value.dayOfMonth} onChange={set("dayOfMonth")}>
            {DAYS.map((day) => (
              <option key={day}>{day}</option>
            ))}
          </select>
        </Field>
      )}
      {value.kind !== "manual" && (
        <Field label="At">
          <input type="time" required value={value.time} onChange={set("time")} />
        </Field>
      )}
    </>
  );
}
