"""The smallest command line that Click makes."""

import click


@click.command()
@click.option("--name", default="world", show_default=True, help="Whom to greet.")
def hello(name: str) -> None:
    """Greet somebody."""
    click.echo(f"Hello, {name}!")


if __name__ == "__main__":
    hello()
