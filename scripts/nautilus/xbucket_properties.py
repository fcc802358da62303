# SPDX-FileCopyrightText: the xbucket authors
"""Nautilus: "Object metadata..." in the menu of files of an xbucket mount opens a window that shows and
changes headers, metadata and tags of one or many files. Optional: needs python3-nautilus."""

import os
import sys
import threading

import gi

gi.require_version("Gtk", "4.0")
from gi.repository import GLib, GObject, Gtk  # noqa: E402

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import xbucket_model as model  # noqa: E402

TITLES = {"headers": "HTTP headers", "metadata": "Metadata", "tags": "Tags", "facts": "Facts"}
EDITABLE = ("headers", "metadata", "tags")


class MetadataWindow(Gtk.Window):
    """All groups below each other; Enter in a field sends that change."""

    def __init__(self, paths):
        count = len(paths)
        name = os.path.basename(paths[0]) if count == 1 else f"{count} files"
        super().__init__(title=f"Object metadata: {name}", default_width=620, default_height=640)
        self.paths = paths
        self.selection = None
        outer = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=6)
        self.message = Gtk.Label(label="Reading...", xalign=0, wrap=True, margin_start=12, margin_top=6,
                                 margin_bottom=6)
        scrolled = Gtk.ScrolledWindow(vexpand=True)
        self.body = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12, margin_start=12, margin_end=12,
                            margin_bottom=12)
        scrolled.set_child(self.body)
        outer.append(self.message)
        outer.append(scrolled)
        self.set_child(outer)
        self.run(lambda: model.Selection(paths), self.take)

    def run(self, work, done):
        """work() on a thread, so that the desktop never waits for a service; done(result) afterwards."""
        def body():
            result = work()
            GLib.idle_add(lambda: done(result) and False)
        threading.Thread(target=body, daemon=True).start()

    def take(self, selection):
        self.selection = selection
        self.show_groups("; ".join(f"{os.path.basename(path)}: {model.explain(error)}"
                                   for path, error in selection.errors))

    def show_groups(self, message):
        self.message.set_label(message)
        while child := self.body.get_first_child():
            self.body.remove(child)
        for group, title in TITLES.items():
            values = self.selection.groups[group]
            if not values and group not in EDITABLE:
                continue
            heading = Gtk.Label(xalign=0)
            heading.set_markup(f"<b>{title}</b>")
            self.body.append(heading)
            grid = Gtk.Grid(column_spacing=12, row_spacing=4)
            for row, (name, value) in enumerate(values.items()):
                self.add_row(grid, row, group, name, value)
            if group in EDITABLE:
                self.add_new_row(grid, len(values), group)
            self.body.append(grid)

    def add_row(self, grid, row, group, name, value):
        grid.attach(Gtk.Label(label=name, xalign=0, selectable=True), 0, row, 1, 1)
        entry = Gtk.Entry(text=model.shown(value), hexpand=True,
                          editable=group in EDITABLE and model.is_editable(value))
        if value is model.DIFFERENT:
            entry.set_placeholder_text("(different values)")
        grid.attach(entry, 1, row, 1, 1)
        if group not in EDITABLE:
            return
        if not model.is_editable(value):
            entry.set_tooltip_text("These bytes are no text; setfattr changes them")
        entry.connect("activate", lambda _: model.asks_for_change(value, entry.get_text())
                      and self.change(group, name, entry.get_text()))
        remove = Gtk.Button(icon_name="list-remove-symbolic", tooltip_text=f"Remove {name}")
        remove.connect("clicked", lambda _: self.change(group, name, None))
        grid.attach(remove, 2, row, 1, 1)

    def add_new_row(self, grid, row, group):
        name = Gtk.Entry(placeholder_text="new name")
        value = Gtk.Entry(placeholder_text="value, then Enter", hexpand=True)
        value.connect("activate", lambda _: name.get_text() and self.change(group, name.get_text(), value.get_text()))
        grid.attach(name, 0, row, 1, 1)
        grid.attach(value, 1, row, 1, 1)

    def change(self, group, name, value):
        self.message.set_label(f"Sending {name}...")

        def done(failed):
            text = "; ".join(f"{os.path.basename(p)}: {model.explain(e)}" for p, e in failed[:5])
            more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
            self.show_groups(text + more if failed else f"{name}: done")
        self.run(lambda: self.selection.change(group, name, value), done)


def paths_of(files):
    """Their paths, if all of them are on a mount of ours; else []."""
    paths = [file.get_location().get_path() for file in files]
    return paths if paths and all(path and model.is_on_mount(path) for path in paths) else []


try:
    gi.require_version("Nautilus", "4.0")
    from gi.repository import Nautilus
except (ValueError, ImportError):
    Nautilus = None

if Nautilus is not None:
    class XbucketMenu(GObject.GObject, Nautilus.MenuProvider):
        """The entry in the menu of files."""

        def get_file_items(self, *arguments):
            paths = paths_of(arguments[-1])
            if not paths:
                return []
            item = Nautilus.MenuItem(name="Xbucket::metadata", label="Object Metadata...",
                                     tip="Headers, metadata and tags of the objects")
            item.connect("activate", lambda _: MetadataWindow(paths).present())
            return [item]


if __name__ == "__main__":
    # By itself: xbucket_properties.py FILE...
    application = Gtk.Application(application_id="org.xbucket.Metadata")

    def activate(app):
        window = MetadataWindow(sys.argv[1:])
        window.set_application(app)
        window.present()
    application.connect("activate", activate)
    application.run([])
